"""The heap that forks share: what is imported is all there, each fork has its own, and little is left to copy."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CONTENT = """
def content():
    return [{"number": i, "text": f"{i:x}" * 9, "large": bytes([i % 251]) * 700} for i in range(N)]

def right(found):
    return found == content()

def own_kb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))
"""


def run(code: str) -> str:
    """Runs a program in an interpreter of its own."""
    python = [sys.executable, "-c", f"N = 20_000\n{CONTENT}\n{code}"]
    done = subprocess.run(python, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout


def test_what_a_block_allocates_lies_in_a_file_and_is_all_there() -> None:
    """Promise: a fork has next to no pages of the process to copy, and loses nothing of what was imported."""
    found = run("""
from verifiers.heap import shared_with_forks
before = own_kb()
with shared_with_forks():
    import fractions, decimal
    kept = content()
after = own_kb()
assert after - before < 4096, (before, after)
assert right(kept) and fractions.Fraction(1, 3) and decimal.Decimal(2).sqrt()
with open("/proc/self/maps") as maps:
    print([line.split()[1] for line in maps if "memfd:heap" in line])
""")
    assert found == "['rw-p']\n"


def test_blocks_may_follow_each_other_and_outgrow_their_room() -> None:
    assert (
        run("""
import os
from verifiers import heap
heap._ROOM = 2 << 20
with heap.shared_with_forks():
    first = content()
pid = os.fork()
if pid == 0:
    os._exit(0 if right(first) else 1)
assert os.waitpid(pid, 0)[1] == 0
heap._ROOM = 64 << 20
with heap.shared_with_forks():
    second = content()
del first[::2]
third = content()
assert right(second) and right(third) and first == third[1::2]
print("right")
""")
        == "right\n"
    )


def test_each_fork_has_memory_of_its_own() -> None:
    """Promise: what one run writes, neither the warm process nor another run ever sees."""
    found = run("""
import os
from verifiers.heap import shared_with_forks
with shared_with_forks():
    kept = content()
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        whole = right(kept)
        for entry in kept:
            entry["number"], entry["text"] = -1, "spoilt"
        os._exit(0 if whole else 1)
    assert os.waitpid(pid, 0)[1] == 0
print(right(kept), [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                    if os.path.exists(f"/proc/self/fd/{fd}") and "memfd" in os.readlink(f"/proc/self/fd/{fd}")])
""")
    assert found == "True []\n"


def test_memory_that_comes_and_goes_is_used_again() -> None:
    found = run("""
from verifiers.heap import shared_with_forks
with shared_with_forks():
    kept = content()
sizes = []
for _ in range(20):
    more = content()
    assert right(more)
    del more
    sizes.append(own_kb())
print(max(sizes) - max(sizes[:2]) < 4096, right(kept))
""")
    assert found == "True True\n"


LACKS = {
    "mallopt": "heap._libc = object()",
    "growth": "heap._grow = lambda: None",
    "memory": "import resource; resource.setrlimit(resource.RLIMIT_DATA, (100 << 20, 100 << 20))",
}


@pytest.mark.parametrize("lacking", LACKS)
def test_without_such_a_heap_all_goes_on_as_usual(lacking: str) -> None:
    found = run(f"""
from verifiers import heap
{LACKS[lacking]}
with heap.shared_with_forks():
    kept = content()
print(right(kept), "memfd:heap" in open("/proc/self/maps").read())
""")
    assert found == "True False\n"
