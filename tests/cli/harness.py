"""What the tests of the command share: a server that can be made to fail, processes, terminals.

They test the program in DLOCK_BIN on the replica set that DLOCK_TEST_URL names. Cases run in parallel: they mostly wait.
Each has a server handle, a lock id and a folder of its own.
"""

from __future__ import annotations

import concurrent.futures
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback
import unittest
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "scripts"), str(Path(__file__).resolve().parents[1] / "support")]

import mongod  # noqa: E402
from evidence import named  # noqa: E402
from private_set import ReplicaSet  # noqa: E402
from servers import ADMIN_URL, DLOCK, PATIENCE, TEST_URL, Server, wait_for  # noqa: E402
from telling import Asking  # noqa: E402
from witness import Process, remember  # noqa: E402

PROMPT = "<%> "
# What a test starts ends with it, also when the test is killed.
MORTAL = ("setpriv", "--pdeathsig", "KILL")


def read_line(stream: IO[str], seconds: float = PATIENCE) -> str:
    """The next line; "" at the end. Byte by byte, so that none waits in a buffer of which select does not know."""
    deadline = time.monotonic() + seconds
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([stream], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise AssertionError(f"waited {seconds:g} s for a line; what came of it is {line!r}")
        byte = os.read(stream.fileno(), 1)
        if not byte:
            break
        line += byte
    remember(stream, line.decode(errors="replace"))
    return line.decode(errors="replace")


def read_rest(stream: IO[str]) -> list[str]:
    """The lines up to the end."""
    return [*iter(lambda: read_line(stream), "")]


def has_output(stream: IO[str], seconds: float) -> bool:
    """Within that time; the end counts as well."""
    return bool(select.select([stream], [], [], seconds)[0])


def state_of(pid: int) -> str:
    """R, S, T, Z, ... or "" if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def is_alive(pid: int) -> bool:
    return state_of(pid) not in ("", "Z", "X")


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().rstrip("\n")
    except OSError:
        return ""


class Case(unittest.TestCase):
    """One server handle (self.server), one lock (self.lock), one folder (self.folder)."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dlock-cli-"))
        self.processes: list[Process] = []
        self.terminals: list[Terminal] = []
        self.server = Server()
        self.addCleanup(self.server.close)
        self.lock = "job"
        self.environment = {**os.environ, "DLOCK_URL": self.server.url, "PS1": "$ ", "TERM": "dumb"}
        if "TSAN_OPTIONS" in os.environ:  # dlock ends by _exit: its threads do not end, and TSan need not wait for them
            self.environment["TSAN_OPTIONS"] += " report_thread_leaks=0 atexit_sleep_ms=0"
        for name in [*self.environment]:
            if name == "PROMPT_COMMAND" or (name.startswith("DLOCK_") and name != "DLOCK_URL"):
                del self.environment[name]

    def command(self, *words: str, verb: str = "run") -> list[str]:
        """dlock run with `words`, on this case's locks."""
        return [DLOCK, verb, "--db", self.server.db, *words]

    def shell_command(self, words: str, verb: str = "run") -> str:
        """The same for a shell."""
        return f"{DLOCK} {verb} --db {self.server.db} {words}"

    def start(self, *words: str, through: tuple[str, ...] = (), verb: str = "run", **options: Any) -> subprocess.Popen[str]:
        """Without a terminal, in a session of its own; `through` a command that executes its arguments."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
                   "env": self.environment, "cwd": self.folder, "start_new_session": True, **options}
        return self.mortal(*through, *self.command(*words, verb=verb), **options)

    def mortal(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """A process that ends with the case, whatever happens."""
        process = Process([*MORTAL, *command], len(MORTAL), **options)
        self.processes.append(process)
        self.addCleanup(self._end, process)
        return process

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()  # not read to the end: somebody who should be gone may have it open

    def run_to_end(self, *words: str, seconds: float = PATIENCE, **options: Any) -> subprocess.CompletedProcess[str]:
        process = self.start(*words, **options)
        out, err = process.communicate(timeout=seconds)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def own_set(self, **options: Any) -> ReplicaSet:
        """A ReplicaSet with these options. Without a mongod, as where ./run portability runs us, the case is skipped."""
        if mongod.find() is None:
            self.skipTest("needs servers of its own, and there is no mongod (the tests were given a server by DLOCK_TEST_URL)")
        return ReplicaSet(**options)

    def account(self) -> str:
        """What is known when the case fails: all processes with what they said, terminals, and the locks' documents."""
        parts = [process.account() for process in self.processes]
        parts += [f"terminal:\n{terminal.output}" for terminal in self.terminals]
        try:
            parts.append(f"documents:\n{self.server.account()}")
        except Exception as problem:  # pylint: disable=broad-except  # whatever is wrong with the server
            parts.append(f"documents: the server does not tell: {problem!r}")
        return "\n".join(parts)

    def script(self, text: str, name: str = "script") -> str:
        """An executable /bin/sh script, or another one if it begins with #!."""
        path = self.folder / name
        # By a process of its own: what another thread starts meanwhile would have our file open for writing, until its exec,
        # and a file that is open for writing cannot be executed.
        subprocess.run(["sh", "-c", 'cat >"$1" && chmod 755 "$1"', "sh", str(path)], text=True, check=True,
                       input=text if text.startswith("#!") else "#!/bin/sh\n" + text)
        return str(path)

    def file(self, name: str) -> Path:
        return self.folder / name

    def wait_for_file(self, name: str) -> str:
        """Its text, once it has a full line."""
        path = self.folder / name
        wait_for(lambda: path.exists() and path.read_text().endswith("\n"), f"{name} to be written")
        return path.read_text()

    def pids_in(self, name: str) -> list[int]:
        return [int(word) for word in self.wait_for_file(name).split()]

    def hold_lock(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """A dlock run with `words`, which name the lock, once it holds it; until it is ended."""
        ready = f"held-{uuid.uuid4().hex}"
        process = self.start(*words, "sh", "-c", f"echo yes >{ready}; exec sleep 600", **options)
        self.wait_for_file(ready)
        return process

    @contextmanager
    def holder(self, *options: str) -> Iterator[subprocess.Popen[str]]:
        """Another dlock that holds the lock meanwhile."""
        process = self.hold_lock(*options, self.lock)
        yield process
        self.end_job(process)

    @staticmethod
    def end_job(process: subprocess.Popen[str]) -> None:
        process.terminate()
        process.communicate(timeout=PATIENCE)

    def ended(self, process: subprocess.Popen[str], status: int, text: str | None = None) -> str:
        """What it has said on stderr, once it is over, with this status. `text`: for its stdin."""
        _, err = process.communicate(text, timeout=PATIENCE)
        self.assertEqual(process.returncode, status, err)
        return err

    def wait_in_queue(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """A dlock that waits for a lock that others hold."""
        process = self.start("-v", *words, **options)
        self.wait_until_said(process, "waiting for")
        return process

    @staticmethod
    def wait_until_said(process: subprocess.Popen[str], text: str) -> None:
        """By a dlock with -v. On a busy machine it first says that there is no contact yet."""
        assert process.stderr
        while text not in (line := read_line(process.stderr)):
            assert line, f"it does not say {text!r}"

    def look(self, lock: str) -> Any:
        """What dlock show tells of it: an object, or None."""
        return json.loads(self.run_to_end("--json", lock, verb="show").stdout)

    def guard_of(self, dlock: int) -> int:
        return wait_for(lambda: [pid for pid in children_of(dlock) if name_of(pid) == "lock-guard"], "the guard")[0]

    def command_of(self, dlock: int) -> int:
        """Beside it, on a terminal, the guard has a witness."""
        guard = self.guard_of(dlock)
        return wait_for(lambda: [pid for pid in children_of(guard) if name_of(pid) != "lock-guard"], "the command")[0]


class OnOwnChannel(Case):
    """With a notification channel of its own, because other cases run at the same time."""

    def command(self, *words: str, verb: str = "run") -> list[str]:
        if ADMIN_URL:  # no password on the command line, and no right to another database
            channel = ["--notif_channel", self.server.db]
        else:
            channel = ["--notif_url", self.server.url.replace("/?", f"/{self.server.db}?")]
        return super().command(*channel, *words, verb=verb)


class Terminal:
    """A pseudo-terminal with an interactive bash (or another command) that leads its session."""

    def __init__(self, case: Case, *command: str) -> None:
        self.case = case
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
        self.output = ""
        words = command or ("bash", "--norc", "--noprofile", "-i")
        # setsid(1), because a preexec_fn is not safe with threads
        self.process = subprocess.Popen(["setsid", "--ctty", *words], stdin=slave, stdout=slave, stderr=slave,
                                        env=case.environment, cwd=case.folder)
        os.close(slave)
        self._seen = 0
        case.terminals.append(self)
        case.addCleanup(self.close)
        if not command:
            self.type("bind 'set enable-bracketed-paste off' 2>/dev/null; stty -echo; PS1='<''%> '\n")
            self.expect(PROMPT)

    def close(self) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGHUP)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def type(self, text: str, until: str = "") -> None:
        """And waits, if that is given, until what came since the last match matches `until`."""
        os.write(self.master, text.encode())
        if until:
            self.expect(until)

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self.master], [], [], seconds)
        if ready:
            try:
                self.output += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                pass  # nobody has the other end open

    def expect(self, pattern: str, seconds: float = PATIENCE) -> re.Match[str]:
        """Waits until what came since the last match matches."""
        deadline = time.monotonic() + seconds
        while True:
            if found := re.search(pattern, self.output[self._seen:]):
                self._seen += found.end()
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds:g} s for /{pattern}/; the terminal shows:\n{self.output}")
            self._read(0.1)

    def status(self) -> int:
        """$? of the last command, once it is over."""
        self.expect(PROMPT)
        self.type("echo st''atus=$?\n")
        return int(self.expect(r"status=(\d+)")[1])


class _Result(Asking):
    account = ""

    def failed(self, test: Any) -> None:
        if isinstance(test, Case) and hasattr(test, "server") and not self.account:
            self.account = test.account()


def _run_case(case: Case) -> tuple[str, str, float]:
    """Verdict, what is to be told, and seconds. The folder of a case that failed stays."""
    began = time.monotonic()
    result = _Result()
    try:
        case.run(result)
        problems = "\n".join(text for _, text in result.failures + result.errors)
        verdict = "FAIL" if problems else "skip" if result.skipped else "ok"
    except BaseException:  # pylint: disable=broad-except
        verdict, problems = "ERROR", traceback.format_exc()
    folder = getattr(case, "folder", None)
    if folder is not None and problems:
        (folder / "account.txt").write_text(result.account, errors="backslashreplace")
        problems += f"{result.account}\nits folder: {named(folder)}\n"
    elif folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    told = problems or "".join(f"      {reason}" for _, reason in result.skipped)
    return verdict, told.encode(errors="backslashreplace").decode(), time.monotonic() - began


def main(workers: int = 8) -> None:
    """Runs the cases of the calling file, in parallel; names as arguments select some."""
    if not DLOCK:
        sys.exit("DLOCK_BIN is not set; it names the dlock program to test")
    if not TEST_URL:
        sys.exit("DLOCK_TEST_URL is not set; it names a replica set: scripts/replica_set.py run -- COMMAND")
    module = sys.modules["__main__"]
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    cases = [case for group in suite for case in group]  # type: ignore[attr-defined]
    if chosen := sys.argv[1:]:
        cases = [case for case in cases if any(word in case.id() for word in chosen)]
    if not cases:
        sys.exit("no such test")
    for each in (signal.SIGINT, signal.SIGQUIT):  # a script's background jobs ignore them, and so would what is tested
        signal.signal(each, signal.SIG_DFL)
    failed = 0
    workers = min(workers, 3 if ADMIN_URL else workers)  # every login costs the processor 10 ms, and some cases are in a hurry
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(_run_case, case): case for case in cases}
        for done in concurrent.futures.as_completed(running):
            verdict, told, seconds = done.result()
            failed += verdict not in ("ok", "skip")
            print(f"{verdict:5} {seconds:6.2f} s  {running[done].id().removeprefix('__main__.')}", flush=True)
            if told:
                print(told, flush=True)
    print(f"{len(cases)} cases, {failed} failed")
    sys.exit(1 if failed else 0)
