"""The house keeps its floors: imports go down only, and the command line starts light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {"catalog": 0, "verifiers": 1, "dedup": 1, "generators": 2, "trainers": 3, "flows": 4}
HEAVY = {"torch", "transformers", "prefect", "vllm", "trl", "faiss", "sentence_transformers", "pyarrow", "duckdb"}
MODULES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return {name.split(".")[0] for name in found}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    floor = path.relative_to(ROOT).parts[0]
    upwards = {other for other in _imported(path) & set(FLOORS) - {floor} if FLOORS[other] >= FLOORS[floor]}
    assert not upwards


def test_what_runs_programs_is_loaded_by_the_sandbox_alone() -> None:
    confined = {name.removesuffix(".py").replace("/", ".") for name in CONFINED}
    code = (
        "import sys, flows.cli, flows.driver, verifiers.judge, verifiers.pool, verifiers.sandbox\n"
        f"print(sorted({confined!r} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_command_line_loads_nothing_heavy() -> None:
    code = f"import flows.cli, sys; print(sorted({HEAVY!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


CONFINED = {
    "verifiers/sandbox/program.py",
    "verifiers/sandbox/cells.py",
    "verifiers/code/candidate.py",
    "verifiers/code/texts.py",
    "verifiers/code/trial.py",
}
"""What runs programs, and itself runs in the sandbox only."""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_evaluates_or_unpickles(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if called and str(path.relative_to(ROOT)) not in CONFINED:
            assert node.func.id not in {"eval", "exec", "compile"}, f"line {node.lineno}"
    assert not {"pickle", "dill", "cloudpickle", "marshal", "shelve"} & _imported(path)
