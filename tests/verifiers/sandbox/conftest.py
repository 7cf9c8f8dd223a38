import os
from collections.abc import Iterator

import pytest

from verifiers.sandbox import Gone, Sandbox
from verifiers.sandbox.host import LEVELS, Zygote


@pytest.fixture(scope="session")
def reached() -> str:
    """The highest level of this machine."""
    zygote = Zygote((), ())
    zygote.close()
    return zygote.level


@pytest.fixture(scope="session", params=LEVELS)
def level(request: pytest.FixtureRequest, reached: str) -> str:
    """Every level that this machine offers."""
    if LEVELS.index(request.param) > LEVELS.index(reached):
        pytest.skip(f"this machine reaches {reached}")
    return str(request.param)


@pytest.fixture(scope="session")
def box(level: str) -> Iterator[Sandbox]:
    try:
        with Sandbox(preload=("numpy",), level=level, highest=level, at_once=2) as sandbox:
            yield sandbox
    except Gone as error:
        pytest.fail(str(error))


@pytest.fixture(scope="session")
def best() -> Iterator[Sandbox]:
    """A sandbox of the highest level with nothing imported."""
    with Sandbox(preload=(), at_once=len(os.sched_getaffinity(0))) as sandbox:
        yield sandbox
