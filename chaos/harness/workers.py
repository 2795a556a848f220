"""The client processes: started, restarted when they die, ended."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from history import Follower, Writer
from proxied_set import clock_environment, write_clock
from proxy import Proxy
from processes import die_with

DRAIN = 20.0  # seconds for which calls may wait on when their process was told to end
PATIENCE = DRAIN + 15  # and that it may take to end
OVERDUE = 3  # its status if some were not answered by then
KNOWN_TO_PROXY = {f"w{n}" for n in range(10)}  # the others cannot be told apart by it
NEW = ("local-turns", "linger")  # arguments that a program of another version does not have
MOST_PROBLEMS = 5  # processes that end by themselves, before the run does, too


@dataclass
class Worker:
    place: str  # w3
    name: str  # w3.2: its second incarnation
    process: subprocess.Popen[bytes]
    clock: Path
    history: Writer
    spared: bool = False  # no fault chooses it
    killed: bool = False  # by us
    ends: bool = False  # because it was told to

    @property
    def who(self) -> str:
        """What its entries in the locks' documents say."""
        return "$$" + self.name

    def signal(self, signum: int) -> None:
        if signum == signal.SIGSTOP:
            self.history.write("stopped", who=self.name)
        self.process.send_signal(signum)
        if signum == signal.SIGCONT:
            self.history.write("continued", who=self.name)

    def stop(self) -> None:
        """SIGSTOP, and returns when it has stopped."""
        self.signal(signal.SIGSTOP)
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            try:
                state = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                return
            if state in "TZX":
                return
            time.sleep(0.001)

    def set_clock(self, nanoseconds: int) -> None:
        write_clock(self.clock, nanoseconds)

    def tell_to_end(self) -> None:
        self.ends = True
        assert self.process.stdin is not None
        self.process.stdin.close()


@dataclass(frozen=True)
class Settings:
    """What a worker is started with."""

    binary: Path
    beside: Path  # of every second place
    shim: Path  # the folder of chaos-clock.so
    folder: Path  # the run's
    url: str
    seed: int
    arguments: Mapping[str, str]  # of the command line, the same for all
    flags: Sequence[str]


class Pool:
    """All starting is done by one thread, which lives as long as the workers: the kernel kills them when it ends."""

    def __init__(self, settings: Settings, history: Writer, follower: Follower, proxy: Proxy, over: threading.Event) -> None:
        """Sets `over` if it is of no use to go on."""
        self._settings, self._proxy, self._run_over = settings, proxy, over
        self._history, self._follower = history, follower
        self._guard = threading.Lock()
        self._workers: dict[str, Worker] = {}
        self._incarnations: dict[str, int] = {}
        self._specials: dict[str, dict[str, Any]] = {}  # place -> what differs for it
        self._next_environment: dict[str, dict[str, str]] = {}
        self._requests: queue.Queue[tuple[str, threading.Event]] = queue.Queue()
        self._ending = False
        self._over = threading.Event()
        self.started = 0
        self.problems: list[str] = []
        self._thread = threading.Thread(target=self._keep, name="workers")
        self._thread.start()

    # Asked from any thread

    def add(self, place: str, **special: Any) -> None:
        self._specials[place] = special
        done = threading.Event()
        self._requests.put((place, done))
        done.wait(10)

    def add_guest(self, threads: int, url_options: Mapping[str, str]) -> Worker | None:
        """One more, for a while; it is not restarted. None: it has ended already."""
        place = "w" + str(90 + sum(key.startswith("w9") for key in self._incarnations))
        self.add(place, threads=threads, url_options=url_options, guest=True, spared=True)
        return self.at(place)

    def dismiss(self, worker: Worker) -> None:
        worker.tell_to_end()
        try:
            worker.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.problems.append(f"{worker.name} did not end within {PATIENCE:g} s")
            self.kill(worker)

    def at(self, place: str) -> Worker | None:
        """None: it has died, and the next one has not started yet."""
        with self._guard:
            return self._workers.get(place)

    def victims(self) -> list[Worker]:
        with self._guard:
            return [worker for _, worker in sorted(self._workers.items())
                    if not worker.spared and not worker.killed and worker.process.poll() is None]

    def kill(self, worker: Worker, next_environment: Mapping[str, str] | None = None) -> None:
        """The next incarnation gets `next_environment`."""
        with self._guard:
            worker.killed = True
            self._next_environment[worker.place] = dict(next_environment or {})
        worker.process.kill()

    def end(self) -> None:
        """Tells all to end, and waits for it. Those that do not are a problem."""
        self._ending = True
        with self._guard:
            workers = list(self._workers.values())
        for worker in workers:
            if worker.process.poll() is None:
                worker.signal(signal.SIGCONT)
            if not worker.ends:
                worker.tell_to_end()
        deadline = time.monotonic() + PATIENCE
        for worker in workers:
            try:
                worker.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.problems.append(f"{worker.name} did not end within {PATIENCE:g} s: somebody in it still waits")
                worker.killed = True
                worker.process.kill()
                worker.process.wait()
        self.close()

    def close(self) -> None:
        """Whatever still runs is killed."""
        self._ending = True
        self._over.set()
        self._thread.join()
        with self._guard:
            for worker in self._workers.values():
                if worker.process.poll() is None:
                    worker.process.kill()
                    worker.process.wait()

    # The thread

    def _keep(self) -> None:
        while not self._over.is_set():
            try:
                place, done = self._requests.get(timeout=0.02)
                self._start(place)
                done.set()
            except queue.Empty:
                pass
            with self._guard:
                ended = [worker for worker in self._workers.values() if worker.process.poll() is not None]
            for worker in ended:
                self._bury(worker)

    def _bury(self, worker: Worker) -> None:
        status = worker.process.returncode
        with self._guard:
            if self._workers.get(worker.place) is worker:
                del self._workers[worker.place]
        if status == -signal.SIGKILL:
            self._history.write("killed", who=worker.name)
        elif status == OVERDUE and worker.ends:
            if not self._specials[worker.place].get("guest"):  # those leave in the midst of faults
                self.problems.append(f"{worker.name}: calls still waited {DRAIN:g} s after it was told to end")
        elif status != 0 or not worker.ends:
            self.problems.append(f"{worker.name} ended with status {status}: see logs/{worker.name}.log")
            if len(self.problems) >= MOST_PROBLEMS:
                self._ending = True
                self._run_over.set()
        self._follower.look()
        self._follower.forget(worker.name)
        if not self._ending and not self._specials[worker.place].get("guest"):
            self._start(worker.place)

    def _start(self, place: str) -> None:
        settings, special = self._settings, self._specials[place]
        incarnation = self._incarnations[place] = self._incarnations.get(place, 0) + 1
        name = f"{place}.{incarnation}"
        clock = settings.folder / "clocks" / name
        clock.parent.mkdir(exist_ok=True)
        write_clock(clock, 0)
        url = settings.url + "".join(f"&{key}={value}" for key, value in special.get("url_options", {}).items())
        binary = settings.beside if int(place[1:]) % 2 == 1 else settings.binary
        command = [str(binary), "--url", url, "--name", name, "--resource", str(settings.folder / "resource.sock"),
                   "--history", str(settings.folder / "history" / f"{name}.jsonl"),
                   "--seed", str(settings.seed * 1_000_003 + self.started), "--drain-ms", str(int(1000 * DRAIN)), *settings.flags]
        own = {key: str(value) for key, value in special.items() if key in settings.arguments}
        for key, value in {**settings.arguments, **own}.items():
            if key in NEW and binary != settings.binary:
                continue
            command += [f"--{key}", value]
        with self._guard:
            environment = self._next_environment.pop(place, {})
        parent = os.getpid()
        with (settings.folder / "logs" / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | clock_environment(settings.shim, clock) | environment,
                preexec_fn=lambda: die_with(parent, signal.SIGKILL))
        self.started += 1
        if place in KNOWN_TO_PROXY:
            self._proxy.tell(f"pid {place} {process.pid}")
        with self._guard:
            self._workers[place] = Worker(place, name, process, clock, self._history, spared=bool(special.get("spared")))
