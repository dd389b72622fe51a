"""Run one PostgreSQL program, if need be as another account; a script of its own, standard library only.

PostgreSQL refuses to run as root. When Millgate itself runs as root, this script gives the program an unprivileged account, and
only where directories above the data directory are closed to that account, the one capability to pass through them (so no
permission of the host's directories is ever changed). With `detach` the program gets its own session and is left to init, so that
it outlives its starter and never becomes its zombie.

Run as `python -I -S launch.py '{"program": […], "account": [uid, gid] | null, "pass_through": bool, "log": path | null, "detach": bool}'`;
with `detach` it prints the process id.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2  # Source: linux/capability.h
_PR_SET_KEEPCAPS, _PR_CAPBSET_READ, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 23, 47, 2  # Source: linux/prctl.h
_LINUX_CAPABILITY_VERSION_3 = 0x20080522


def _capability(libc: ctypes.CDLL) -> int | None:
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        if libc.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) == 1:
            return capability
    return None


def _become(account: list[int], pass_through: bool) -> None:
    """Give up root for `account` for good, keeping at most the capability to pass through closed directories."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" and pass_through else None
    capability = _capability(libc) if libc else None
    if libc and capability:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(account[1])
    os.setuid(account[0])
    if libc and capability:
        header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
        bit = 1 << capability
        sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; then the upper halves
        if libc.capset(header, sets) != 0 or libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "the capability to pass through closed directories could not be kept")


def _run(order: dict[str, Any]) -> None:
    os.umask(0o077)
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    if order["log"]:
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        if order["account"]:
            os.fchown(log, *order["account"])
        os.dup2(log, 1)
        os.dup2(log, 2)
    if order["account"]:
        _become(order["account"], order["pass_through"])
    os.execv(order["program"][0], order["program"])  # noqa: S606  the program and its arguments are the store's own


def main() -> None:
    """Run the order given as the only argument; does not return unless it detaches."""
    order = json.loads(sys.argv[1])
    if order["detach"]:
        child = os.fork()
        if child:
            sys.stdout.write(f"{child}\n")
            sys.stdout.flush()
            os._exit(0)
        os.setsid()
    _run(order)


if __name__ == "__main__":
    main()
