"""What scripts and tests do with processes: they end with those who started them, and none is left."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int, signum: int) -> None:
    """Sends this process `signum` when the thread that started it ends, even by kill -9."""
    _libc.prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), signum)


def end_on_signal(signum: int, _: object = None) -> NoReturn:
    """The handler for ENDING: the process ends, by way of its clean-up."""
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not interrupt that
    raise SystemExit(128 + signum)


def mongods() -> Iterator[tuple[int, Path]]:
    """Those that run, with the folder of their data. Asking /proc needs no pid file that could be stale."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--dbpath" in words:
            yield int(entry.parent.name), Path(os.fsdecode(words[words.index(b"--dbpath") + 1]))


def kill_and_wait(pids: Sequence[int]) -> None:
    """SIGKILL: the data is thrown away, so there is nothing to shut down in order."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    for pid in pids:
        while is_running(pid):
            time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
