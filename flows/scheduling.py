"""The verb `schedule`."""

import sys
from pathlib import Path

from catalog.errors import Stopped, UserError
from catalog.store import Store, default_store
from flows.loading import load


def schedule(recipe: str, cron: str, store: str | None, overrides: tuple[str, ...]) -> None:
    """Serves the build flow on a cron expression until it is stopped; one build at a time."""
    resolved = load(recipe, overrides)
    where = store or default_store()
    Store.open(where)
    from flows.prefect_server import prefect_api

    with prefect_api() as url:
        from prefect.client.schemas.schedules import CronSchedule
        from pydantic import ValidationError

        from flows.build_flow import build_flow, close_dead_runs

        try:
            CronSchedule(cron=cron)
        except (ValidationError, ValueError):
            raise UserError(f"--cron {cron!r} is no cron expression: write five fields, such as '0 3 * * *'.") from None
        close_dead_runs()
        print(f"building {resolved.recipe.name} at {cron!r} (Prefect API {url}); Ctrl-C ends it", file=sys.stderr)
        parameters = {
            "recipe": str(resolved.path.resolve()),
            "store": where if "://" in where else str(Path(where).resolve()),
            "overrides": list(overrides),
        }
        build_flow.serve(
            name=resolved.recipe.name, cron=cron, parameters=parameters, limit=1, print_starting_message=False
        )
    raise Stopped("The schedule ended.")  # serving ends by Ctrl-C or SIGTERM only
