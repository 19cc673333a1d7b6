"""The sandbox of the systemd unit, for a machine without systemd: what may be called, as the kernel enforces it.

`python -m tests.plugins.sandbox UNIT COMMAND…` sets up the filters that systemd makes of the unit, and becomes the command:
SystemCallFilter, MemoryDenyWriteExecute, RestrictAddressFamilies, RestrictNamespaces, NoNewPrivileges and, for root, the
CapabilityBoundingSet, except that root may open the files of other users, such as the socket of the tests' PostgreSQL. It refuses to start the command if a call that they forbid is possible afterwards.
"""

import configparser
import ctypes
import errno
import mmap
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LIBRARY: Final = "libseccomp.so.2"
_ALLOW: Final = 0x7FFF0000
_FAMILIES: Final = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
_NAMESPACES: Final = (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
_EXEC: Final = 4
_WRITE_EXEC: Final = 6
_EQUAL, _MASKED, _GREATER = 4, 7, 6
_BOUNDING_DROP: Final = 24
_MOST_CAPABILITIES: Final = 64
_OF_FILES: Final = (1, 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


class _Filter:
    """A filter of libseccomp."""

    def __init__(self, otherwise: int) -> None:
        self._lib = ctypes.CDLL(LIBRARY, use_errno=True)
        self._lib.seccomp_init.restype = ctypes.c_void_p
        self._filter = ctypes.c_void_p(self._lib.seccomp_init(ctypes.c_uint32(otherwise)))

    def rule(self, action: int, call: str, *comparison: int) -> None:
        """`comparison`: number of the argument, operator, and one or two values."""
        number = self._lib.seccomp_syscall_resolve_name(call.encode())
        if number < 0:  # this machine does not have it
            return
        compared = [_Comparison(*comparison)] if comparison else []
        array = (_Comparison * len(compared))(*compared)
        result = self._lib.seccomp_rule_add_array(self._filter, ctypes.c_uint32(action), number, len(compared), array)
        if result < 0:
            raise OSError(-result, f"no rule for {call}")

    def load(self) -> None:
        """From now on the kernel enforces it. It also sets NoNewPrivileges."""
        if result := self._lib.seccomp_load(self._filter):
            raise OSError(-result, "the filter cannot be loaded")


def _refusing(number: int) -> int:
    return 0x00050000 | number


def _members(group: str) -> Iterator[str]:
    listed = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            yield from _members(name)
        elif name and not name.startswith("#"):
            yield name


def _allowed(unit: str) -> set[str]:
    found: set[str] = set(_members("@default"))
    for words in re.findall(r"(?m)^SystemCallFilter=(.+)$", unit):
        groups = words.removeprefix("~").split()
        calls = {call for group in groups for call in (_members(group) if group.startswith("@") else [group])}
        found = found - calls if words.startswith("~") else found | calls
    return found


def enter(unit: str) -> None:
    """Set up the sandbox of a unit for this process and its children."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string(unit)
    service = parser["Service"]
    assert service["NoNewPrivileges"] == service["MemoryDenyWriteExecute"] == service["RestrictNamespaces"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    allowed = _allowed(unit)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if os.geteuid() == 0:
        for capability in set(range(_MOST_CAPABILITIES)) - set(_OF_FILES):
            prctl(_BOUNDING_DROP, capability, 0, 0, 0)
    some = _Filter(_ALLOW)
    for call, argument in (("mmap", 2), ("mprotect", 2), ("pkey_mprotect", 2), ("shmat", 2)):
        wanted = {"mmap": _WRITE_EXEC, "shmat": 0o100000}.get(call, _EXEC)
        some.rule(_refusing(errno.EPERM), call, argument, _MASKED, wanted, wanted)
    families = {_FAMILIES[name] for name in service["RestrictAddressFamilies"].split()}
    for family in set(range(max(families))) - families:
        some.rule(_refusing(errno.EAFNOSUPPORT), "socket", 0, _EQUAL, family)
    some.rule(_refusing(errno.EAFNOSUPPORT), "socket", 0, _GREATER, max(families))
    for flag in _NAMESPACES:
        some.rule(_refusing(errno.EPERM), "clone", 0, _MASKED, flag, flag)
        some.rule(_refusing(errno.EPERM), "unshare", 0, _MASKED, flag, flag)
    some.rule(_refusing(errno.ENOSYS), "clone3")
    some.rule(_refusing(errno.EPERM), "setns")
    some.load()
    only = _Filter(_refusing(errno.EPERM))
    for call in allowed:
        only.rule(_ALLOW, call)
    only.load()


def escapes() -> list[str]:
    """The forbidden calls that are possible all the same."""
    found = []
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)
        found.append("memory that is writable and executable")
    except PermissionError:
        pass
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
        found.append("a socket of another family")
    except OSError as error:
        found += [] if error.errno == errno.EAFNOSUPPORT else ["a socket of another family"]
    if libc.unshare(_NAMESPACES[1]) == 0:
        found.append("a namespace")
    try:
        os.setpriority(os.PRIO_PROCESS, 0, 1)
        found.append("a call of @resources")
    except PermissionError:
        pass
    return found


if __name__ == "__main__":
    enter(Path(sys.argv[1]).read_text())
    if escaped := escapes():
        sys.exit(f"The sandbox allows {', '.join(escaped)}")
    os.execv(sys.argv[2], sys.argv[2:])
