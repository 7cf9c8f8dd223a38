"""The manifest: what a build is made of, in one JSON file that anyone can read."""

import platform
from datetime import datetime
from importlib import metadata
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from catalog.migrations import LAYOUT_VERSION
from catalog.records import SCHEMA_VERSION

_LIBRARIES = ("datasets", "duckdb", "math-verify", "pyarrow", "sympy", "torch", "transformers", "trl", "vllm")
"""Libraries whose version can change rows, bytes or a trained model."""


class Manifest(BaseModel):
    """What a build is made of and what came of it."""

    model_config = ConfigDict(extra="ignore")

    name: str
    version: str
    """Digest of the resolved recipe and its inputs: the build's identity."""
    status: Literal["running", "complete", "stopped", "failed"] = "running"
    recipe: dict[str, Any] = {}
    """The resolved recipe, defaults included."""
    code_version: str = ""
    schema_version: int = SCHEMA_VERSION
    layout_version: int = LAYOUT_VERSION
    teachers: dict[str, str] = {}
    """Model and revision by the teacher's name."""
    seed: int = 0
    started: datetime | None = None
    finished: datetime | None = None
    counts: dict[str, dict[str, int]] = {}
    """By stage: rows_in, rows_out, rejects, pending, summed over shards."""
    audit: dict[str, Any] = {}
    """What the audit of the verifiers found before the export: rates, limits, and counts by kind of probe."""
    exports: dict[str, dict[str, int]] = {}
    """Rows by profile and split."""
    checksums: dict[str, str] = {}
    """SHA-256 of the dataset's files, by path relative to the build's dataset folder."""
    versions: dict[str, str] = {}
    """Versions of Python and of the libraries that shape the rows."""


def library_versions() -> dict[str, str]:
    """Gives the versions of Python and of the installed libraries that shape rows, bytes or models."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
