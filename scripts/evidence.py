"""Keeps the evidence of a failed test: its logs, histories and outputs, but not the data of servers.

tests/support/scratch.py runs a test with a scratch folder, which DLOCK_SCRATCH names. The test removes nothing there that could be
evidence. If the test passes, the whole folder is removed. DLOCK_EVIDENCE names the folder that has a folder for each failed test.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRATCH, EVIDENCE = "DLOCK_SCRATCH", "DLOCK_EVIDENCE"
GOOD = (0, 77)  # the exit status of a test that passed, or was skipped
LARGEST = 256 << 20  # bytes; larger files, such as core dumps, are left out
DATA = {"WiredTiger", "WiredTiger.lock", "mongod.lock", "storage.bson"}  # a folder with one of these is a mongod's


def scratch() -> Path | None:
    """The test's scratch folder, if it has one."""
    name = os.environ.get(SCRATCH)
    return Path(name) if name else None


@contextmanager
def scratch_folder(prefix: str = "dlock-test-") -> Iterator[Path]:
    """A new folder. In a test with DLOCK_SCRATCH it stays. Otherwise it is removed, unless an exception passes through."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    except BaseException:
        print(f"evidence: {named(folder)}", file=sys.stderr)
        raise
    if scratch() is None:
        shutil.rmtree(folder, ignore_errors=True)


def named(folder: Path) -> str:
    """How to tell a person where `folder` is: what is in DLOCK_SCRATCH is moved when the test has failed."""
    root = scratch()
    if root is not None and folder.is_relative_to(root):
        return f"{folder.relative_to(root)}, in the evidence of this test"
    return str(folder)


def new_folder(parent: Path, name: str) -> Path:
    """parent/name; if that exists, parent/name.2, ..."""
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}.{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1


def copy(source: Path, target: Path) -> list[str]:
    """Copies all files but servers' data. Returns those that are too large. Something may still write there."""
    left_out = []
    for name, folders, files in os.walk(source):
        here = Path(name)
        if DATA & set(files):
            folders.clear()
            files = [file for file in files if file.startswith("mongod.log")]
        for file in (here / each for each in files):
            try:
                status = file.lstat()
                if not stat.S_ISREG(status.st_mode):
                    continue
                if status.st_size > LARGEST:
                    left_out.append(str(file.relative_to(source)))
                    continue
                copied = target / file.relative_to(source)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copied)  # without its mode: it may be a program that becomes root
                os.utime(copied, ns=(status.st_atime_ns, status.st_mtime_ns))
            except OSError as error:
                print(f"evidence: {file} cannot be copied: {error}", file=sys.stderr)
    return left_out


def keep_logs(folder: Path, failed: bool) -> None:
    """Keeps the logs in a replica set's `folder`, which is about to be removed: in DLOCK_SCRATCH; or, without that, in
    DLOCK_EVIDENCE if `failed`."""
    root, evidence = scratch(), os.environ.get(EVIDENCE)
    if root is not None:
        if root.is_dir():
            copy(folder, new_folder(root / "servers", folder.name))
    elif failed and evidence:
        kept = new_folder(Path(evidence).absolute(), "replica-set")
        copy(folder, kept)
        print(f"evidence: {kept}: the logs of the replica set", file=sys.stderr)
