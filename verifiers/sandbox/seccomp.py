"""The filter of system calls: what a Python program needs, by name; everything else is refused by the kernel.

An allow-list, so that a call which the kernel gains tomorrow is refused as well. No call that makes a process, runs a
program, opens a socket, mounts, traces, changes identity or reaches another process is on it. A handful are allowed
for some arguments only (`_CHECKED`).

It stands in two filters, both of which a call has to pass: a long one that the zygote takes upon itself, with the few
calls besides that it needs to start and to end runs, and a short one for each run that takes those away. Installing a
filter costs by its length.
"""

import ctypes
import errno
import functools
import platform
import socket
import struct
from collections.abc import Callable, Iterator

from verifiers.sandbox.linux import Step, libc, step, take

# name, number on x86_64, number on aarch64 ("-": the architecture does not have it)
_ALLOWED = """
read 0 63  write 1 64  readv 19 65  writev 20 66  pread64 17 67  pwrite64 18 68  preadv 295 69  pwritev 296 70
preadv2 327 286  pwritev2 328 287  close 3 57  close_range 436 436  lseek 8 62  sendfile 40 71
copy_file_range 326 285  open 2 -  openat 257 56  creat 85 -  stat 4 -  fstat 5 80  lstat 6 -  newfstatat 262 79
statx 332 291  access 21 -  faccessat 269 48  faccessat2 439 439  readlink 89 -  readlinkat 267 78  statfs 137 43
fstatfs 138 44  dup 32 23  dup2 33 -  dup3 292 24  pipe 22 -  pipe2 293 59  eventfd2 290 19  flock 73 32
truncate 76 45  ftruncate 77 46  fsync 74 82  fdatasync 75 83  fadvise64 221 223  getdents 78 -  getdents64 217 61
getcwd 79 17  chdir 80 49  fchdir 81 50  mkdir 83 -  mkdirat 258 34  rmdir 84 -  rename 82 -  renameat 264 38
renameat2 316 276  unlink 87 -  unlinkat 263 35  link 86 -  linkat 265 37  symlink 88 -  symlinkat 266 36
chmod 90 -  fchmod 91 52  fchmodat 268 53  utime 132 -  utimes 235 -  utimensat 280 88  umask 95 166
mmap 9 222  mprotect 10 226  munmap 11 215  mremap 25 216  madvise 28 233  brk 12 214  msync 26 227
membarrier 324 283  rt_sigaction 13 134  rt_sigprocmask 14 135  rt_sigreturn 15 139  rt_sigpending 127 136
rt_sigtimedwait 128 137  rt_sigsuspend 130 133  sigaltstack 131 132  pause 34 -  alarm 37 -  setitimer 38 103
getitimer 36 102  restart_syscall 219 128  set_robust_list 273 99  set_tid_address 218 96  rseq 334 293
futex 202 98  sched_yield 24 124  sched_getaffinity 204 123  sched_setaffinity 203 122  getcpu 309 168
arch_prctl 158 -  exit 60 93  exit_group 231 94  wait4 61 260  waitid 247 95  getpid 39 172  getppid 110 173
gettid 186 178  getuid 102 174  geteuid 107 175  getgid 104 176  getegid 108 177  getgroups 115 158
getresuid 118 148  getresgid 120 150  getpgrp 111 -  getpgid 121 155  getsid 124 156  capget 125 90  uname 63 160
sysinfo 99 179  times 100 153  getrusage 98 165  getrlimit 97 163  setrlimit 160 164  getpriority 140 141
clock_gettime 228 113  clock_getres 229 114  clock_nanosleep 230 115  nanosleep 35 101  gettimeofday 96 169
time 201 -  getrandom 318 278  epoll_create 213 -  epoll_create1 291 20  epoll_ctl 233 21  epoll_wait 232 -
epoll_pwait 281 22  epoll_pwait2 441 441  poll 7 -  ppoll 271 73  select 23 -  pselect6 270 72  sendto 44 206
recvfrom 45 207  sendmsg 46 211  recvmsg 47 212  shutdown 48 210  getsockopt 55 209  getsockname 51 204
getpeername 52 205
"""

# the zygote's own, written as above
_ZYGOTE = """
mount 165 40  capset 126 91  setsid 112 157  landlock_create_ruleset 444 444  landlock_add_rule 445 445
landlock_restrict_self 446 446  pidfd_open 434 434  pidfd_send_signal 424 424
"""

_CLONE_THREAD = 0x00010000
_FCNTL_ADD_SEALS, _FCNTL_SETLEASE, _FCNTL_NOTIFY = 1033, 1024, 1026
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
_PRCTLS = (3, 15, 16, 21, 23, 39)  # GET_DUMPABLE SET_NAME GET_NAME GET_SECCOMP CAPBSET_READ GET_NO_NEW_PRIVS
_OWN_PID = "own pid"

# name, x86_64, aarch64, which argument, how it is compared, with what
_CHECKED: list[tuple[str, int, int, int, str, tuple[int | str, ...]]] = [
    ("clone", 56, 220, 0, "has bits", (_CLONE_THREAD,)),  # threads, never a process
    ("fcntl", 72, 25, 1, "none of", (_FCNTL_ADD_SEALS, _FCNTL_SETLEASE, _FCNTL_NOTIFY)),
    ("ioctl", 16, 29, 1, "one of", _IOCTLS),
    ("prctl", 157, 167, 0, "one of", _PRCTLS),
    ("kill", 62, 129, 0, "one of", (_OWN_PID,)),
    ("tgkill", 234, 131, 0, "one of", (_OWN_PID,)),
    ("prlimit64", 302, 261, 0, "one of", (0,)),
    ("socketpair", 53, 199, 0, "one of", (socket.AF_UNIX,)),  # asyncio wakes itself up with one
]

_NARROWED = ("clone", "kill", "prctl", "tgkill")
"""Of those, what the zygote may do with any argument."""

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000
_UNKNOWN_TO_OLD_KERNELS = 424
"""From this number on a refused call answers ENOSYS: the C library then falls back, from clone3 to clone for one."""

_PLACE_OF_PID = 0x7FFFFFF7
"""Stands for the own process id while that is not known."""

_END = 1 << 31
_LOAD, _JUMP, _EQUAL, _AT_LEAST, _BITS, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06
_FAR = 255
"""How many instructions a conditional jump can pass over."""

_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2

_INSTRUCTION = struct.Struct("HBBI")
Instruction = tuple[int, int, int, int]
"""Of classic BPF: code, jump if true, jump if false, constant."""


def offered() -> bool:
    """Whether this kernel and architecture can filter; needs no privilege and changes nothing."""
    if platform.machine() not in _AUDIT_ARCH:
        return False
    # A null program is refused with EFAULT where filters exist, with EINVAL where they do not.
    libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, None, 0, 0)
    return ctypes.get_errno() == errno.EFAULT


def hold_zygote() -> None:
    """Puts the zygote's filter on this thread and all that it makes, for good.

    Needs no_new_privileges first. Raises OSError where the kernel refuses.
    """
    code = _written(zygote_filter(platform.machine()))
    take([_installed(code)])


def hold_run(pid: int) -> Step:
    """Puts the filter of a run on a thread that the zygote's filter is on. `pid`: what kill may be used on, for all
    steps that this process makes; it is written into the one filter that there is."""
    buffer, places = _run_filter()
    for place in places:
        struct.pack_into("I", buffer, place, pid)
    return _installed(buffer)


def _installed(buffer: ctypes.Array[ctypes.c_char]) -> Step:
    """Makes the step ready; whoever takes it holds the buffer until then."""
    header = struct.pack("HxxxxxxP", len(buffer) // _INSTRUCTION.size, ctypes.addressof(buffer))
    return step("prctl", _PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0)


@functools.cache
def _run_filter() -> tuple[ctypes.Array[ctypes.c_char], list[int]]:
    """Gives the filter in memory, kept for good, and where in it a process id stands."""
    code = run_filter(platform.machine(), _PLACE_OF_PID)
    return _written(code), [_INSTRUCTION.size * i + 4 for i, c in enumerate(code) if c[3] == _PLACE_OF_PID]


def _written(code: list[Instruction]) -> ctypes.Array[ctypes.c_char]:
    data = b"".join(_INSTRUCTION.pack(*instruction) for instruction in code)
    return ctypes.create_string_buffer(data, len(data))


def zygote_filter(machine: str) -> list[Instruction]:
    """Gives the filter for an architecture ("x86_64" or "aarch64"): the whole list, and the zygote's own calls."""
    allow = [(_RETURN, 0, 0, _ALLOW)]
    known = {number: allow for text in (_ALLOWED, _ZYGOTE) for number in _numbers(text, machine)}
    for name, number, argument, how, values in _checked(machine):
        known[number] = allow if name in _NARROWED else _check(argument, how, [int(v) for v in values])
    last = _X32_BIT if machine == "x86_64" else _END
    return [
        (_LOAD, 0, 0, 4),  # the architecture
        (_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # the call's number
        *_decided(known | {last: [(_RETURN, 0, 0, _KILL)]}, _refused, last),
    ]


def run_filter(machine: str, pid: int) -> list[Instruction]:
    """Gives the filter that leaves of the zygote's calls what a run may do. `pid`: the run's."""
    known = {number: _refused(number) for number in _numbers(_ZYGOTE, machine)}
    for name, number, argument, how, values in _checked(machine):
        if name in _NARROWED:
            known[number] = _check(argument, how, [pid if v == _OWN_PID else int(v) for v in values])
    return [(_LOAD, 0, 0, 0), *_decided(known, lambda _: [(_RETURN, 0, 0, _ALLOW)])]


def _refused(number: int) -> list[Instruction]:
    return [(_RETURN, 0, 0, _ERRNO | (errno.ENOSYS if number >= _UNKNOWN_TO_OLD_KERNELS else errno.EPERM))]


def _decided(
    known: dict[int, list[Instruction]], otherwise: Callable[[int], list[Instruction]], last: int | None = None
) -> list[Instruction]:
    """Decides on every number: as `known`, from `last` on as on `last`, else as `otherwise` says.

    It halves the numbers until one decision is left: when a filter is installed, the kernel tries it on every number
    that there is, so that a long chain of comparisons would cost each run a quarter of a millisecond.
    """
    decisions: list[tuple[int, list[Instruction]]] = []
    for number in sorted({0, _UNKNOWN_TO_OLD_KERNELS, *known, *(n + 1 for n in known if n != last)}):
        then = known.get(number) or otherwise(number)
        if not decisions or then != decisions[-1][1]:
            decisions.append((number, then))
    return _halved(decisions)


def _numbers(text: str, machine: str) -> list[int]:
    """Gives the numbers of a list of names and numbers."""
    words = text.split()[1 if machine == "x86_64" else 2 :: 3]
    return [int(word) for word in words if word != "-"]


def _checked(machine: str) -> Iterator[tuple[str, int, int, str, tuple[int | str, ...]]]:
    for name, x86_64, aarch64, argument, how, values in _CHECKED:
        yield name, x86_64 if machine == "x86_64" else aarch64, argument, how, values


def _halved(decisions: list[tuple[int, list[Instruction]]]) -> list[Instruction]:
    """Finds by halving what is decided on a number, each decision being good from its own number up to the next."""
    if len(decisions) == 1:
        return decisions[0][1]
    middle = len(decisions) // 2
    low, high = _halved(decisions[:middle]), _halved(decisions[middle:])
    if len(low) <= _FAR:
        return [(_AT_LEAST, len(low), 0, decisions[middle][0]), *low, *high]
    return [(_AT_LEAST, 0, 1, decisions[middle][0]), (_JUMP, 0, 0, len(low)), *low, *high]


def _check(argument: int, how: str, values: list[int]) -> list[Instruction]:
    """Decides by the low half of an argument; each of these arguments is an int to the kernel."""
    allow, refuse = (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    code: list[Instruction] = [(_LOAD, 0, 0, 16 + 8 * argument)]
    match how:
        case "has bits":
            code += [(_BITS, 0, 1, values[0]), allow, refuse]
        case "one of":
            for value in values:
                code += [(_EQUAL, 0, 1, value), allow]
            code.append(refuse)
        case "none of":
            for value in values:
                code += [(_EQUAL, 0, 1, value), refuse]
            code.append(allow)
    return code
