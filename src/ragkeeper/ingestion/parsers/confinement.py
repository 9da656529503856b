"""What a parser process gives up before it sees a hostile file: network, programs, files, memory, time.

Seccomp and Landlock through ctypes, so no privilege and no package is needed. Numbers come from Linux's own headers
(`asm/unistd.h`, `linux/seccomp.h`, `linux/landlock.h`, `linux/prctl.h`).
"""

import ctypes
import os
import platform
import resource
import signal
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 1, 1
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_EACCES, _EPERM, _ENOSYS = 13, 1, 38
_CLONE_THREAD = 0x00010000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_FILE_BYTES = 256 << 20
_OOM_SCORE = "800"


@dataclass(frozen=True, slots=True)
class Machine:
    """Audit number of an architecture and its system calls: refused ones, those to make threads, seccomp's own."""

    audit: int
    refused: tuple[int, ...]
    clone: int
    clone3: int
    seccomp: int


# Refused, in this order: socket connect accept bind listen accept4 · fork vfork (x86 only) execve execveat · kill
# ptrace process_vm_readv process_vm_writev pidfd_open pidfd_send_signal pidfd_getfd · unshare setns mount ·
# io_uring_setup (it opens sockets past seccomp) bpf userfaultfd perf_event_open add_key keyctl.
_MACHINES = {
    "x86_64": Machine(
        0xC000003E,
        (41, 42, 43, 49, 50, 288, 57, 58, 59, 322, 62, 101, 310, 311, 434, 424, 438, 272, 308, 165,
         425, 321, 323, 298, 248, 250),
        56, 435, 317,
    ),
    "aarch64": Machine(
        0xC00000B7,
        (198, 203, 202, 200, 201, 242, 221, 281, 129, 117, 270, 271, 434, 424, 438, 97, 268, 40,
         425, 280, 282, 241, 217, 219),
        220, 435, 277,
    ),
}  # fmt: skip
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_WRITES = 0x1FFF & ~(1 << 0 | 1 << 2 | 1 << 3)  # every right of version 1 but execute, read file, read folder
_LANDLOCK_READS = 1 << 2 | 1 << 3
_LANDLOCK_EXECUTES = 1 << 0


class ConfinementError(Exception):
    """A protection could not be installed."""


def drop_resources(memory_bytes: int, cpu_seconds: int) -> None:
    """Bound memory, processor time and written files; be the first the kernel kills; leave no core dump."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; leave at once when the parent is gone already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(0)


def drop_network_and_programs() -> None:
    """Refuse sockets, new programs, new processes and tracing from here on, in all threads; raises ConfinementError."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise ConfinementError(f"no system call filter is known for {platform.machine()}")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)
    program = _filter(machine)
    code = ctypes.create_string_buffer(b"".join(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    _syscall("seccomp", machine.seccomp, _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, header)


def drop_files(readable: Sequence[Path], writable: Path) -> None:
    """Leave only `readable` folders to read and `writable` to write; raises ConfinementError on kernels before 5.13."""
    handled = ctypes.create_string_buffer(struct.pack("Q", _LANDLOCK_READS | _LANDLOCK_WRITES | _LANDLOCK_EXECUTES))
    rules = _syscall("landlock", _LANDLOCK_CREATE, handled, 8, 0)
    try:
        for folder in readable:
            _allow_beneath(rules, folder, _LANDLOCK_READS)
        _allow_beneath(rules, writable, _LANDLOCK_READS | _LANDLOCK_WRITES)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _syscall("landlock", _LANDLOCK_RESTRICT, rules, 0)
    finally:
        os.close(rules)


def _allow_beneath(rules: int, folder: Path, rights: int) -> None:
    if not folder.is_dir():
        return
    handle = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, handle))
        _syscall("landlock", _LANDLOCK_ADD, rules, 1, rule, 0)
    finally:
        os.close(handle)


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _filter(machine: Machine) -> list[bytes]:
    """The system call filter: other architectures die, refused calls fail, threads are made and processes are not."""
    program = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_EQUAL, machine.audit, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER),
        _instruction(_AT_LEAST, 0x40000000, 0, 1),  # x32 calls carry this bit and would pass by other numbers
        _instruction(_RETURN, _ERRNO | _ENOSYS),
    ]
    for number in machine.refused:
        program += [_instruction(_EQUAL, number, 0, 1), _instruction(_RETURN, _ERRNO | _EACCES)]
    # A filter cannot look behind clone3's pointer; without it the C library uses clone, whose flags it can see.
    program += [_instruction(_EQUAL, machine.clone3, 0, 1), _instruction(_RETURN, _ERRNO | _ENOSYS)]
    program += [
        _instruction(_EQUAL, machine.clone, 0, 3),
        _instruction(_LOAD, _FIRST_ARGUMENT),
        _instruction(_ANY_BIT, _CLONE_THREAD, 1, 0),
        _instruction(_RETURN, _ERRNO | _EPERM),
        _instruction(_RETURN, _ALLOW),
    ]
    return program


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        raise ConfinementError(f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def _syscall(name: str, number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *wide))
    if result < 0:
        raise ConfinementError(f"{name}: {os.strerror(ctypes.get_errno())}")
    return result
