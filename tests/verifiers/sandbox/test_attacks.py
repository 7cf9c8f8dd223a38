"""Every attack of attacks.toml, run for real at each level that holds it: nothing gets out, the sandbox goes on."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from verifiers.sandbox import Limits, Sandbox
from verifiers.sandbox.host import LEVELS

ATTACKS: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("attacks.toml").read_text())["attack"]
DOCUMENT = Path(__file__).parents[3] / "docs" / "security.md"
LIMITS = Limits(memory_mb=512, cpu_s=10, file_mb=4, scratch_mb=16)


@pytest.fixture(scope="module")
def box(level: str) -> Iterator[Sandbox]:
    with Sandbox(LIMITS, preload=(), level=level, highest=level) as box:
        yield box


def held_at(attack: dict[str, Any]) -> list[str]:
    """The levels of the sandbox that hold an attack."""
    return list(LEVELS[LEVELS.index(attack.get("level", "filters")) :])


@pytest.mark.xdist_group("attacks")
@pytest.mark.parametrize(
    ("level", "attack"),
    [
        pytest.param(level, attack, id=f"{level}-{attack['name']}")
        for level in LEVELS
        for attack in ATTACKS
        if level in held_at(attack)
    ],
    indirect=["level"],
)
def test_an_attack_is_contained(attack: dict[str, Any], box: Sandbox) -> None:
    ends = attack.get("status", ["ok"])
    outcome = box.run(attack["program"], deadline_s=2 if "timeout" in ends else 30)  # a busy machine is no attack
    assert outcome.status in ends, outcome
    assert "escaped" not in outcome.stdout
    if outcome.status == "ok" and "status" not in attack:
        assert "held" in outcome.stdout
    assert len(outcome.stdout) + len(outcome.stderr) <= 3 * LIMITS.output_chars
    assert box.run("print(6 * 7)").stdout == "42\n"


def test_the_table_of_attacks_names_each_one_with_its_lowest_level() -> None:
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    claimed = [[attack["name"], attack["layer"], attack.get("level", "filters")] for attack in ATTACKS]
    assert claimed == [row[1:4] for row in rows if row[1] in {attack["name"] for attack in ATTACKS}]
    assert len(ATTACKS) >= 40
