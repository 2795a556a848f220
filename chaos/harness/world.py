"""One run: workers, a guarded resource and faults on a replica set that is there already; then everything that was
written down is gathered in one folder."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo
from bson import json_util
from pymongo.errors import PyMongoError
from processes import die_with
from private_set import SetError

import schedule
from faults import FAULTS, Injection, Missed
from history import Follower, Writer
from observer import Observer
from plan import LONG_LOCK, LONG_TTL_MS, Plan
from proxied_set import ProxiedSet
from workers import Pool, Settings

NAMESPACE = "dlocks.dlocks"  # where the library keeps locks if it is not told otherwise
CALM = 3.0  # seconds without faults before the workers are told to end


class World:
    """What faults work on."""

    def __init__(self, plan: Plan, rs: ProxiedSet, folder: Path) -> None:
        self.plan, self.set, self.folder = plan, rs, folder
        for name in ("history", "logs"):
            (folder / name).mkdir(parents=True)
        self.history = Writer(folder / "history")
        self.follower = Follower(folder / "history")
        self.over = threading.Event()  # no more faults
        self.injected: Counter[str] = Counter()
        self.missed: list[str] = []
        self.problems: list[str] = []
        self.steps = schedule.build(plan.seed, plan.seconds, plan.faults, plan.calm) if plan.faults else []
        self._began_at = {"ts": None}
        self.pool: Pool

    # The run

    def run(self) -> None:
        """Ends with the history complete, whatever it says. `problems`: what kept it from being that."""
        try:
            self._run()
        finally:
            self._gather_logs()

    def _run(self) -> None:
        self._start_afresh()
        (self.folder / "config.json").write_text(json.dumps(
            {**self.plan.as_json(), "schedule": [vars(step) for step in self.steps]}, indent=1) + "\n")
        self.history.write("start", seed=self.plan.seed, url=self.set.url, config=self.plan.as_json())
        resource = self._start_resource()
        observer = Observer(self)
        try:
            self.pool = Pool(self._settings(), self.history, self.follower, self.set.proxy, self.over)
            try:
                for n in range(self.plan.workers):
                    self.pool.add(f"w{n}")
                if self.plan.long_lease:
                    self.pool.add("w80", locks=LONG_LOCK, ttl=LONG_TTL_MS, threads=1, spared=True,
                                  **{"hold-ms": "500,4000", "try-percent": 0, "all-percent": 0})
                self._inject_all()
                self._heal()
                time.sleep(min(CALM, self.plan.seconds / 5))
                self.pool.end()
            finally:
                self.pool.close()
            self.problems += self.pool.problems
            self._final()
            self.history.write("end")
        finally:
            observer.close()
            resource.kill()
            resource.wait()
        try:
            self._gather()
        except PyMongoError as error:
            self.problems.append(f"gathering what there is: {error}")

    def _start_afresh(self) -> None:
        """The set may have been used before: no locks are left of that, and its oplog is not ours."""
        with self.set.connect(self.set.primary()) as client:
            majority = pymongo.WriteConcern("majority", wtimeout=30_000)
            client.get_database("dlocks", write_concern=majority).dlocks.delete_many({})
            self._began_at = client.local["oplog.rs"].find_one(sort=[("$natural", -1)])

    def _settings(self) -> Settings:
        return Settings(self._worker(), Path(self.plan.beside or self._worker()), self.set.bin, self.folder, self.set.url, self.plan.seed,
                        self.plan.worker_arguments(), ["--stale"] if self.plan.stale else [])

    def _worker(self) -> Path:
        return Path(self.plan.worker or self.set.bin / "chaos-worker")

    def _start_resource(self) -> subprocess.Popen[str]:
        parent = os.getpid()
        resource = subprocess.Popen(
            [str(self.set.bin / "chaos-resource"), "--socket", str(self.folder / "resource.sock"),
             "--history", str(self.folder / "history" / "resource.jsonl"), *(["--unfenced"] if self.plan.unfenced else [])],
            stdout=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=lambda: die_with(parent, signal.SIGKILL))
        assert resource.stdout is not None
        if resource.stdout.readline().strip() != "ready":
            raise SetError("chaos-resource did not start")
        return resource

    # Faults

    def _inject_all(self) -> None:
        """Lane members runs here, in the thread that mongods are tied to."""
        began = time.monotonic()
        lanes = [threading.Thread(target=self._inject_lane, args=(lane, began)) for lane in ("workers", "wire")]
        for lane in lanes:
            lane.start()
        try:
            self._inject_lane("members", began)
            self.over.wait(max(0.0, began + self.plan.seconds - time.monotonic()))
        finally:
            self.over.set()
            for lane in lanes:
                lane.join()

    def _inject_lane(self, lane: str, began: float) -> None:
        for step in self.steps:
            if step.lane != lane:
                continue
            self.over.wait(max(0.0, began + step.at - time.monotonic()))
            if self.over.is_set() or time.monotonic() > began + self.plan.seconds:
                return
            injection = Injection(self, step.n, step.fault, step.span, random.Random(step.seed))
            try:
                FAULTS[step.fault].inject(injection)
                self.injected[step.fault] += 1
            except Missed as why:
                self.missed.append(f"{step.fault}: {why}")
            except (SetError, PyMongoError, OSError) as error:
                self.missed.append(f"{step.fault}: {error}")
            except Exception as error:  # a mistake of ours: the run is not what it should be
                self.problems.append(f"{step.fault} failed: {error!r}")
            if lane == "members":
                self._wait_for_primary()

    def _wait_for_primary(self) -> None:
        try:
            self.set.primary()
        except SetError as error:
            self.problems.append(f"after a fault: {error}")

    def _heal(self) -> None:
        """Everything is as it should be again."""
        self.set.proxy.tell("heal")
        for index in range(3):
            self.set.set_clock(index, 0)
            if self.set.running(index):
                self.set.thaw(index)
            else:
                self.set.restart(index)
        try:
            self.set.wait_until_healthy()
        except SetError as error:
            self.problems.append(f"after healing: {error}")
        for index in range(3):
            with self.set.connect(index) as client:
                client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
        self.history.write("healed")

    # The end

    def _final(self) -> None:
        """Every lock can be acquired once more."""
        locks = [*self.plan.locks, *([LONG_LOCK] if self.plan.long_lease else [])]
        arguments = {**self.plan.worker_arguments(), "locks": ",".join(locks)}
        command = [str(self._worker()), "--url", self.set.url, "--name", "wfinal.1",
                   "--resource", str(self.folder / "resource.sock"),
                   "--history", str(self.folder / "history" / "wfinal.1.jsonl"), "--final"]
        for key, value in arguments.items():
            command += [f"--{key}", value]
        log = self.folder / "logs" / "wfinal.1.log"
        try:
            # An end of its stdin tells a worker to end: it would not connect a second time.
            with _held_open() as stdin, log.open("wb") as stderr:
                done = subprocess.run(command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, text=True,
                                      timeout=25 * len(locks), check=False)
            answers = [json.loads(line) for line in done.stdout.splitlines()]
        except (subprocess.TimeoutExpired, ValueError) as error:
            self.problems.append(f"the last acquisition of each lock: {error}")
            return
        for answer in answers:
            self.history.write("final", lock=answer["lock"], ok=answer["ok"], token=answer.get("token", 0))
        if done.returncode != 0 or not all(answer["ok"] for answer in answers) or len(answers) != len(locks):
            last = log.read_text(errors="replace").splitlines()[-1:]
            self.problems.append(f"not every lock could be acquired at the end: {' '.join([done.stdout.strip(), *last])}")

    def _gather(self) -> None:
        self.history.close()
        with self.set.connect(self.set.primary(), socketTimeoutMS=60_000) as client:
            entries = client.local["oplog.rs"].find({"ts": {"$gt": self._began_at["ts"]}, "ns": NAMESPACE}).sort("$natural", 1)
            _dump(self.folder / "oplog.jsonl", entries)
            first = client.local["oplog.rs"].find_one(sort=[("$natural", 1)])
            if first["ts"] > self._began_at["ts"]:
                self.problems.append("the oplog was too small for the run")
            _dump(self.folder / "locks.jsonl", client.dlocks.dlocks.find({}).sort("_id", 1))

    def _gather_logs(self) -> None:
        for index in range(3):
            for log in (self.set.folder / str(index)).glob("mongod.log*"):
                shutil.copy(log, self.folder / "logs" / log.name.replace("mongod", f"member{index}"))


def _dump(file: Path, documents: Any) -> None:
    options = json_util.CANONICAL_JSON_OPTIONS
    with file.open("w") as out:
        for document in documents:
            out.write(json_util.dumps(document, json_options=options) + "\n")


@contextmanager
def _held_open() -> Iterator[int]:
    """The end of a pipe to read from, in which nothing comes, and no end either."""
    reader, writer = os.pipe()
    try:
        yield reader
    finally:
        os.close(reader)
        os.close(writer)
