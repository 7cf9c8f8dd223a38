"""What a recipe has to be in order to be built on a Ray cluster; known before anything is started."""

import socket
from importlib.util import find_spec

from catalog.errors import UserError
from flows.loading import Resolved

LOCAL = "local"
"""The address that means a Ray of this machine, for the time of the build."""


def require(resolved: Resolved, address: str) -> None:
    """Raises UserError where the recipe cannot run in many processes, Ray is missing, or nobody is at `address`."""
    if find_spec("prefect_ray") is None:
        raise UserError("--ray needs Ray, which is not installed: pip install -c constraints.txt -e '.[ray]'.")
    budget = resolved.recipe.budget
    if (budget.tokens, budget.seconds, budget.money) != (None, None, None):
        raise UserError(
            f"{resolved.path}: [budget] is counted in one process and --ray uses many: take it out or build without."
        )
    for name in sorted(resolved.recipe.in_use):
        if resolved.recipe.teachers[name].kind != "openai":
            raise UserError(
                f"{resolved.path}: the teacher {name!r} lives in one process and --ray uses many: start a server and "
                'give its address with kind = "openai".'
            )
    if address != LOCAL:
        _reach(address)


def _reach(address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"--ray {address!r} is no address: write host:port, ray://host:port, or {LOCAL}.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"No Ray cluster answers at {address} ({error}): start one with `ray start --head`, or use --ray {LOCAL}."
        ) from None
