"""The verb `build`."""

import json
import sys
from dataclasses import asdict

from catalog.errors import UserError
from catalog.store import Store, default_store
from flows import clusters, driver, report
from flows.loading import Resolved, load
from flows.session import open_session


def build(
    recipe: str,
    store: str | None,
    overrides: tuple[str, ...],
    *,
    plain: bool,
    ray: str | None,
    fresh: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Builds a recipe and prints what came of it."""
    resolved = load(recipe, overrides)
    where = store or default_store()
    if dry_run:
        print(json.dumps(_plan(resolved, where), indent=None if as_json else 2, ensure_ascii=False))
        return
    if plain and ray:
        raise UserError("--plain builds without Prefect and --ray through it: give one of them.")
    summary = _plainly(resolved, where, fresh) if plain else _through_prefect(resolved, where, overrides, fresh, ray)
    if as_json:
        print(json.dumps(asdict(summary)))
    else:
        report.print_table(summary, store)


def _plainly(resolved: Resolved, where: str, fresh: bool) -> report.Summary:
    store = Store.open(where)
    with open_session(resolved, store, fresh) as session:
        session.run(driver.run_shards)
        session.filter_hinted()
        session.dedup()
        session.audit()
        session.export()
    return report.summarise(session.build)


def _through_prefect(
    resolved: Resolved, where: str, overrides: tuple[str, ...], fresh: bool, ray: str | None
) -> report.Summary:
    if ray:
        clusters.require(resolved, ray)
    Store.open(where)  # a store that cannot be used is told before a server is started
    print("starting the orchestrator ...", file=sys.stderr)
    from flows.prefect_server import prefect_api

    with prefect_api():
        from flows import build_flow

        return build_flow.run(str(resolved.path), where, overrides, fresh, ray)


def _plan(resolved: Resolved, where: str) -> dict[str, object]:
    store = Store.open(where)
    held = store.build(resolved.recipe.name, resolved.version).read_manifest()
    return {
        "recipe": resolved.as_dict(),
        "inputs": resolved.inputs,
        "build": f"{resolved.recipe.name}@{resolved.version}",
        "store": store.url,
        "status": held.status if held else "not begun",
        "stages": [
            *("tasks", "sample", "verify"),
            *(("revise", "verify") if resolved.recipe.revise else ()),
            *(("hint", "verify", "rft") if resolved.recipe.hint else ()),
            *("dedup", "audit", "export"),
        ],
    }
