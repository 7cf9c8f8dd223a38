"""The lower face: a function of ours called in a confined child, with a channel and descriptors of the caller's."""

import os

import pytest

from catalog.errors import UserError
from verifiers.sandbox import Sandbox

CELLS = "verifiers.sandbox.cells:main"


def test_an_entry_is_called_with_its_payload_and_answers_by_frames(level: str) -> None:
    with Sandbox(preload=(), entries=(CELLS,), level=level, highest=level) as box:
        run = box.start(CELLS, {}, deadline_s=5)
        try:
            run.send_bytes(b'{"cell": 1, "code": "6 * 7"}')
            answer = run.wait(5)
            assert answer is not None
            assert b'"42"' in answer
            assert run.wait(0.2) is None
            assert not run.over
        finally:
            assert run.end() == -9
            assert run.end() == -9
            run.close()


def test_descriptors_arrive_from_number_4_on_and_no_others_do(level: str) -> None:
    read, write = os.pipe()
    look = (
        "import os; fds = []\nfor n in range(64):\n    try: os.fstat(n); fds.append(n)\n    except OSError: pass\nfds"
    )
    with Sandbox(preload=(), entries=(CELLS,), level=level, highest=level) as box:
        run = box.start(CELLS, {}, fds=[write])
        os.close(write)
        run.send_bytes(b'{"cell": 1, "code": "import os; os.write(4, b\'there\')"}')
        run.wait(5)
        assert os.read(read, 10) == b"there"
        run.send_bytes(b'{"cell": 2, "code": ' + repr(look).replace("'", '"').encode() + b"}")
        answer = run.wait(5)
        run.close()
    os.close(read)
    assert answer is not None
    assert b"[0, 1, 2, 3, 4]" in answer


def test_only_named_entries_can_be_started() -> None:
    with Sandbox() as box, pytest.raises(UserError, match="not among"):
        box.start("os:system", {})
