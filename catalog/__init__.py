"""The ground floor: records, journal, store, manifest, SQL views, lineage, export, card, hub."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catalog.views import connect

__all__ = ["connect"]


def __getattr__(name: str) -> Any:
    if name == "connect":  # DuckDB is loaded by those who ask for it
        from catalog.views import connect

        return connect
    raise AttributeError(f"module 'catalog' has no attribute {name!r}")
