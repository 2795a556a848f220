#!/usr/bin/python3
"""Runs a test with a scratch folder, and keeps what is in it if the test fails.

  scratch.py [--evidence DIR] NAME -- COMMAND...   exits with the status of COMMAND
  scratch.py [--evidence DIR] --clean              before the tests: removes the evidence of earlier ones
  scratch.py [--evidence DIR] --report             after the tests: says of which there is evidence

COMMAND has a new folder as TMPDIR and DLOCK_SCRATCH. If it passes (status 0, or 77: skipped), the folder is removed. If it
fails, the logs, histories and outputs in it are moved to DIR/NAME, and the last line says so. DIR/NAME/output.txt is what
COMMAND printed. The first line names the scratch folder: a test that is killed, as ctest does after TIMEOUT, leaves it there;
--report moves it to DIR. DIR is build/evidence, if it is not given; for a test DLOCK_EVIDENCE says it, too, and comes first.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import evidence  # noqa: E402
from processes import ENDING, die_with, end_on_signal, kill_and_wait, mongods  # noqa: E402

PREFIX = "dlock-t-"  # short: paths of sockets in these folders have 107 bytes at most
MARK = ".evidence"  # the file with DIR and NAME
OUTPUT = "output.txt"
NOT_FOUND = 127
PATIENCE = 10  # seconds that COMMAND has to end in after a signal


def say(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError:
        pass  # nobody reads it


def make(parent: Path, name: str) -> tuple[Path, int]:
    """A new scratch folder, and the open file that locks it as long as this process lives."""
    new = Path(tempfile.mkdtemp(prefix="dlock-new-"))
    new.chmod(0o711)  # some tests run commands as another user
    (new / MARK).write_text(f"{parent}\n{name}\n")
    handle = os.open(new, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    folder = new.with_name(PREFIX + new.name.removeprefix("dlock-new-"))
    new.rename(folder)  # who finds it by its new name and can lock it knows that its owner is gone
    return folder, handle


def end_servers(folder: Path) -> None:
    """No mongod should be left; one that is would write on where we remove."""
    left = [pid for pid, data in mongods() if folder in data.parents]
    if left:
        say(f"scratch: {len(left)} mongod still ran in {folder}; they were killed")
    kill_and_wait(left)


def keep(folder: Path, parent: Path, name: str) -> Path:
    """Moves the evidence out of a scratch folder, and removes that. Returns where the evidence is."""
    end_servers(folder)
    try:
        kept = evidence.new_folder(parent, name)
        left_out = evidence.copy(folder, kept)
        (kept / MARK).unlink(missing_ok=True)
    except OSError as error:
        say(f"scratch: {parent} cannot be written: {error}")
        return folder
    for file in left_out:
        say(f"scratch: {file} is left out: it is too large")
    shutil.rmtree(folder, ignore_errors=True)
    return kept


def copy_output(source: int, file: Path) -> None:
    """To our output and to `file`, up to the end."""
    with file.open("wb", buffering=0) as copied:
        while data := os.read(source, 65536):
            copied.write(data)
            try:
                while data:
                    data = data[os.write(1, data):]
            except OSError:
                pass  # nobody reads it


def execute(command: Sequence[str], folder: Path) -> int:
    child: subprocess.Popen[bytes] | None = None

    def pass_on(signum: int, _: object) -> None:
        if child is None:
            end_on_signal(signum)
        child.send_signal(signum)
        if signum != signal.SIGINT:
            signal.alarm(PATIENCE)

    for signum in ENDING:
        signal.signal(signum, pass_on)
    signal.signal(signal.SIGALRM, lambda *_: child.kill() if child else None)
    parent = os.getpid()
    source, sink = os.pipe()
    try:
        child = subprocess.Popen(command, stdout=sink, stderr=sink, preexec_fn=lambda: die_with(parent, signal.SIGTERM),
                                 env=os.environ | {"TMPDIR": str(folder), evidence.SCRATCH: str(folder)})
    except OSError as error:
        say(f"scratch: {command[0]}: {error.strerror}")
        return NOT_FOUND
    os.close(sink)
    copier = threading.Thread(target=copy_output, args=(source, folder / OUTPUT), daemon=True)
    copier.start()
    status = child.wait()
    signal.alarm(0)
    copier.join(2)  # not longer: a process that is left may have the other end open
    if status >= 0:
        return status
    say(f"scratch: {Path(command[0]).name} was ended by {signal.Signals(-status).name}")
    return 128 - status


def run(parent: Path, name: str, command: Sequence[str]) -> int:
    die_with(os.getppid(), signal.SIGTERM)
    folder, _ = make(parent, name)
    say(f"scratch folder: {folder}")
    status = 1
    try:
        status = execute(command, folder)
    finally:
        if status in evidence.GOOD:
            end_servers(folder)
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say(f"evidence: {keep(folder, parent, name)}")
    return status


def abandoned(parent: Path) -> Iterator[tuple[Path, str]]:
    """The scratch folders whose evidence belongs to `parent` and whose owner was killed, with the names of their tests."""
    for place in {tempfile.gettempdir(), "/tmp", "/dev/shm"}:
        for folder in Path(place).glob(PREFIX + "*"):
            try:
                belongs, name = (folder / MARK).read_text().splitlines()
                handle = os.open(folder, os.O_RDONLY)
            except (OSError, ValueError):
                continue
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if belongs == str(parent):
                    yield folder, name
            except OSError:
                pass  # it is in use
            finally:
                os.close(handle)


def clean(parent: Path) -> None:
    for folder, _ in abandoned(parent):
        end_servers(folder)
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(parent, ignore_errors=True)


def report(parent: Path) -> None:
    for folder, name in abandoned(parent):
        keep(folder, parent, name)
    kept = sorted(parent.iterdir()) if parent.is_dir() else []
    if kept:
        say("evidence of what failed:")
    for folder in kept:
        say(f"  {folder}")


def main() -> int:
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    command = words[split + 1:]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evidence", type=Path, metavar="DIR", default=ROOT / "build" / "evidence")
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("name", nargs="?")
    given = parser.parse_args(words[:split])
    parent = given.evidence.absolute()
    if given.clean or given.report:
        (clean if given.clean else report)(parent)
        return 0
    if not given.name or not command:
        parser.error("what is the test, and its command?")
    return run(Path(os.environ.get(evidence.EVIDENCE) or parent).absolute(), given.name, command)


if __name__ == "__main__":
    sys.exit(main())
