"""Real `dlock` commands, what the server wrote down of them, and a history as their processes would have written it."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymongo
from bson import json_util

DLOCK, HERE = sys.argv.pop(1), Path(sys.argv.pop(1))
URL = os.environ["DLOCK_TEST_URL"]
sys.path[:0] = [str(HERE), str(Path(__file__).resolve().parents[3] / "scripts")]

from evidence import scratch_folder  # noqa: E402
from oplog_diff import Collection, plain  # noqa: E402

Document = dict[str, Any]
DB = f"audit_{uuid.uuid4().hex[:8]}"
NS = f"{DB}.dlocks"
COMMON = ["--url", URL, "--db", DB, "--wait_lock_period", "500ms"]


def dlock(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([DLOCK, *words], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run(*words: str) -> subprocess.Popen[bytes]:
    return dlock("run", *COMMON, *words)


def wait(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        process.wait(timeout=60)


def wait_until_there(locks: Any, lock: str, holders: int, waiters: int = 0) -> None:
    deadline = time.monotonic() + 60
    while True:
        found = locks.find_one({"_id": lock}) or {}
        if len(found.get("holders", [])) >= holders and len(found.get("waiters", [])) >= waiters:
            return
        assert time.monotonic() < deadline, f"waited 60 s for {holders} holders and {waiters} waiters of {lock}; there is {found}"
        time.sleep(0.02)


def use_locks(locks: Any, folder: Path) -> None:
    """Each kind, queues, attempts that fail, time-outs, a holder and a waiter that die, --at-least, a lock taken off. Nobody goes
    before all have come who are to wait for him, however slow the machine."""
    go = folder / "go"
    until_told = ["--", "sh", "-c", 'until [ -e "$0" ]; do sleep 0.05; done', str(go)]
    first = [run("--ttl", "5s", "m0", *until_told), run("-x", "r0", *until_told), run("--permits", "3", "--take", "3", "s0", *until_told)]
    for lock in ("m0", "r0", "s0"):
        wait_until_there(locks, lock, 1)
    queue = [run("--ttl", "5s", "m0", "--", "sleep", "0.05") for _ in range(5)]
    wait(run("-n", "m0", "--", "true"), run("-w", "200ms", "m0", "--", "true"))
    readers = [run("-s" if number % 3 else "-x", "r0", "--", "sleep", "0.1") for number in range(8)]
    users = [run("--permits", "3", "--take", str(1 + number % 3), "s0", "--", "sleep", "0.1") for number in range(8)]
    leaders = [dlock("elect", *COMMON, "e0", "--", "sleep", "0.05") for _ in range(3)]
    for lock, waiters in (("m0", 5), ("r0", 8), ("s0", 8)):
        wait_until_there(locks, lock, 1, waiters)
    time.sleep(1)  # those who wait poll more than once
    for leader in leaders:
        leader.send_signal(signal.SIGTERM)
    go.touch()
    wait(run("--id", "m1", "--id", "m2", "--", "sleep", "0.2"), run("--at-least", "4s", "m3", "--", "true"), run("m3", "--", "true"))
    killed = run("--ttl", "2s", "m4", "--", "sleep", "30")
    wait_until_there(locks, "m4", 1)
    next_one = run("--ttl", "2s", "m4", "--", "sleep", "2")  # is renewed
    wait_until_there(locks, "m4", 1, 1)
    killed.kill()
    wait(killed, next_one, *first, *queue, *readers, *users, *leaders)


def as_json(rows: Any) -> list[Document]:
    return [json.loads(json_util.dumps(row, json_options=json_util.CANONICAL_JSON_OPTIONS)) for row in rows]


def dump_oplog(client: pymongo.MongoClient) -> list[Document]:
    return as_json(client.local["oplog.rs"].find({"ns": NS}).sort("$natural", 1))


def dump_documents(client: pymongo.MongoClient) -> list[Document]:
    return [plain(row) for row in as_json(client[DB].dlocks.find())]


def as_versions(entries: list[Document]) -> list[Document]:
    """The same with whole documents, in which a test can change something."""
    collection, out = Collection(NS), []
    for number, entry in enumerate(entries, start=1):
        for change in collection.take(plain(entry), number):
            op = "d" if change.after is None else "i" if change.before is None else "u"
            out.append({"op": op, "ns": NS, "wall": change.wall, "o2": {"_id": change.id},
                        "o": change.after if change.after is not None else {"_id": change.id}})
    return out


class Run:
    """What is audited: versions, and what the clients said of them."""

    def __init__(self, versions: list[Document], history: list[Document]) -> None:
        self.versions, self.history = copy.deepcopy(versions), copy.deepcopy(history)

    def audit(self, entries: list[Document] | None = None) -> tuple[int, dict[str, bool], str]:
        with scratch_folder("dlock-audit-") as folder:
            (folder / "history").mkdir()
            (folder / "oplog.jsonl").write_text("".join(json.dumps(each) + "\n" for each in entries or self.versions))
            (folder / "history" / "w1.1.jsonl").write_text("".join(json.dumps(each) + "\n" for each in self.history))
            done = subprocess.run([sys.executable, str(HERE / "oplog_audit.py"), "--ns", NS, str(folder)], capture_output=True, text=True)
            file = folder / "oplog_audit.json"
            found = json.loads(file.read_text())["checks"] if file.exists() else []
            return done.returncode, {check["name"]: check["ok"] for check in found}, done.stdout + done.stderr

    def steps(self) -> Iterator[tuple[Document, Document]]:
        """Each version with the one before of the same lock."""
        last: dict[str, Document] = {}
        for entry in self.versions:
            key = entry["o2"]["_id"]
            if entry["op"] != "d" and key in last:
                yield last[key], entry["o"]
            last[key] = entry["o"]

    def find(self, fits: Callable[[Document, Document], bool]) -> tuple[Document, Document]:
        for before, after in self.steps():
            if fits(before, after):
                return before, after
        raise AssertionError("the run has no such step")


def ids(entries: list[Document]) -> list[str]:
    return [entry["id"] for entry in entries]


def newly(before: Document, after: Document) -> list[Document]:
    return [holder for holder in after["holders"] if holder["id"].removesuffix("/kept") not in ids(before["holders"])]


def told(versions: list[Document]) -> list[Document]:
    """A history in which all was said that had to be: who was granted what, and who released it."""
    out: list[Document] = []
    held: dict[str, tuple[str, Document]] = {}
    number = 0
    for entry in versions:
        if entry["op"] == "d":
            continue
        lock, holders = entry["o2"]["_id"], entry["o"]["holders"]
        now = entry["o"]["mine"] * 1_000_000
        there = set(ids(holders))
        for holder in holders:
            if holder["id"] in held or holder["id"].endswith("/kept"):
                continue
            number += 1
            held[holder["id"]] = lock, holder
            since = holder["since"] * 1_000_000
            out += [{"t": since, "p": "w1.1", "e": "call", "c": number, "op": "acquire", "lock": lock},
                    {"t": since + 1_000_000, "p": "w1.1", "e": "return", "c": number, "what": "acquired", "id": holder["id"],
                     "token": holder["fence"], "until": 0}]
        for name in [name for name, (of, _) in held.items() if of == lock and name not in there]:
            number += 1
            _, holder = held.pop(name)
            if holder["id"] + "/kept" in there or holder["until"] + 500 > entry["o"]["mine"]:  # else its time was over
                out.append({"t": now, "p": "w1.1", "e": "call", "c": number, "op": "release", "id": name})
        for holder in holders:
            if holder["id"] in held:
                held[holder["id"]] = lock, holder
    return out
