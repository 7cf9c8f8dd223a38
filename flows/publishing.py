"""The verb `publish`."""

import json

from catalog.store import Store, default_store


def publish(build: str, to: str, store: str | None, as_json: bool) -> None:
    """Publishes a finished build to a folder or the Hub and says where it is."""
    from catalog import hub

    where = hub.publish(Store.find(store or default_store()).find_build(build), to)
    print(json.dumps({"published": where}) if as_json else f"published  {where}")
