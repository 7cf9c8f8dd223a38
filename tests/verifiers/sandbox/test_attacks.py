"""Every attack of attacks.toml, run for real: nothing gets out, and the sandbox works afterwards."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from verifiers.sandbox import Limits, Sandbox, level

ATTACKS: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("attacks.toml").read_text())["attack"]
DOCUMENT = Path(__file__).parents[3] / "docs" / "security.md"
LIMITS = Limits(memory_mb=512, cpu_s=10, file_mb=4, scratch_mb=16)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    if level() != "namespaces":
        pytest.skip(f"this machine reaches {level()}, the attacks are for namespaces")
    with Sandbox(LIMITS, preload=(), level="namespaces") as box:
        yield box


@pytest.mark.xdist_group("attacks")
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack["name"])
def test_an_attack_is_contained(attack: dict[str, Any], box: Sandbox) -> None:
    outcome = box.run(attack["program"], deadline_s=2)
    assert outcome.status in attack.get("status", ["ok"]), outcome
    assert "escaped" not in outcome.stdout
    if outcome.status == "ok" and "status" not in attack:
        assert "held" in outcome.stdout
    assert len(outcome.stdout) + len(outcome.stderr) <= 3 * LIMITS.output_chars
    assert box.run("print(6 * 7)").stdout == "42\n"


def test_the_table_of_attacks_names_each_one() -> None:
    rows = [line.split("|")[1].strip() for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    assert [attack["name"] for attack in ATTACKS] == [row for row in rows if row in {a["name"] for a in ATTACKS}]
    assert len(ATTACKS) >= 40
