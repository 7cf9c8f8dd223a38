"""The filter of system calls decides on every number as its table says; carried out here as the kernel would."""

import errno

import pytest

from verifiers.sandbox import seccomp

ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PID = 4242


def decided(machine: str, number: int, arguments: tuple[int, ...] = (), architecture: int | None = None) -> int:
    """Gives what the kernel makes of a run's call: the stricter of what the two filters return."""
    data = {0: number, 4: architecture or ARCHITECTURES[machine]}
    data |= {16 + 8 * i: value & 0xFFFFFFFF for i, value in enumerate(arguments)}
    found = {returned(code, data) for code in (seccomp.zygote_filter(machine), seccomp.run_filter(machine, PID))}
    return next(answer for answer in (KILL, ERRNO | errno.EPERM, ERRNO | errno.ENOSYS, ALLOW) if answer in found)


def returned(code: list[seccomp.Instruction], data: dict[int, int]) -> int:
    at, loaded = 0, 0
    while True:
        what, yes, no, value = code[at]
        at += 1
        match what:
            case 0x20:
                loaded = data.get(value, 0)
            case 0x06:
                return value
            case 0x05:
                at += value
            case 0x15:
                at += yes if loaded == value else no
            case 0x35:
                at += yes if loaded >= value else no
            case 0x45:
                at += yes if loaded & value else no


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_every_number_is_allowed_or_refused_as_the_table_says(machine: str) -> None:
    """Promise: no call that is not named gets through, whatever its number."""
    column = 1 if machine == "x86_64" else 2
    allowed = set(seccomp._numbers(seccomp._ALLOWED, machine))
    checked = {entry[column] for entry in seccomp._CHECKED}
    assert not allowed & checked
    assert not (allowed | checked) & set(seccomp._numbers(seccomp._ZYGOTE, machine))
    for number in set(range(1024)) - checked:
        refused = errno.EPERM if number < 424 else errno.ENOSYS
        assert decided(machine, number) == (ALLOW if number in allowed else ERRNO | refused), number
    if machine == "x86_64":
        for number in (0x40000000, 0x40000001, 0x400001FF, 0xFFFFFFFF):
            assert decided(machine, number) == KILL
    assert decided(machine, 0, architecture=0x40000003) == KILL


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("clone", (0x003D0F00,), True),  # a thread
        ("clone", (17,), False),  # a process
        ("kill", (PID, 9), True),
        ("kill", (-1, 9), False),
        ("kill", (PID + 1, 9), False),
        ("tgkill", (PID, 1, 9), True),
        ("tgkill", (1, 1, 9), False),
        ("prlimit64", (0,), True),
        ("prlimit64", (7,), False),
        ("fcntl", (3, 1), True),
        ("fcntl", (3, 1033), False),
        ("ioctl", (0, 0x5401), True),
        ("ioctl", (0, 0x5412), False),  # TIOCSTI
        ("prctl", (15,), True),
        ("prctl", (22,), False),
        ("socketpair", (1,), True),
        ("socketpair", (2,), False),
    ],
)
def test_some_calls_depend_on_their_argument(
    machine: str, name: str, arguments: tuple[int, ...], allowed: bool
) -> None:
    entry = next(e for e in seccomp._CHECKED if e[0] == name)
    found = decided(machine, entry[1] if machine == "x86_64" else entry[2], arguments)
    assert found == (ALLOW if allowed else ERRNO | errno.EPERM)
