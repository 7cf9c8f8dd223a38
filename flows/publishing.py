"""The verb `publish`."""

import json
from dataclasses import asdict

from catalog.store import Store, default_store


def publish(build: str, to: str, store: str | None, as_json: bool) -> None:
    """Publishes a finished build to a folder or the Hub and says where it is."""
    from catalog import hub

    done = hub.publish(Store.find(store or default_store()).find_build(build), to)
    print(json.dumps(asdict(done)) if as_json else f"published  {done.place}")
