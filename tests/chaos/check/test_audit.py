#!/usr/bin/python3
"""The audit of what the server wrote down of real `dlock` commands: accepted as it is, and refused with any one edit.

  test_audit.py DLOCK FOLDER      DLOCK: the command; FOLDER: chaos/check. The server is DLOCK_TEST_URL's.
"""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import time
import unittest
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
    time.sleep(1)  # those who wait look more than once
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


def dump_oplog(client: pymongo.MongoClient) -> list[Document]:
    rows = client.local["oplog.rs"].find({"ns": NS}).sort("$natural", 1)
    return [json.loads(json_util.dumps(row, json_options=json_util.CANONICAL_JSON_OPTIONS)) for row in rows]


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


class Audited(unittest.TestCase):
    entries: list[Document]
    versions: list[Document]
    history: list[Document]
    documents: list[Document]

    @classmethod
    def setUpClass(cls) -> None:
        with pymongo.MongoClient(URL) as client:
            if "oplog.rs" not in client.local.list_collection_names():
                raise unittest.SkipTest("this server keeps no oplog")
            with scratch_folder("dlock-audit-") as folder:
                use_locks(client[DB].dlocks, folder)
            cls.entries = dump_oplog(client)
            cls.documents = [plain(json.loads(json_util.dumps(row, json_options=json_util.CANONICAL_JSON_OPTIONS)))
                             for row in client[DB].dlocks.find()]
            client.drop_database(DB)
        cls.versions = as_versions(cls.entries)
        cls.history = told(cls.versions)

    def setUp(self) -> None:
        self.run_of = Run(self.versions, self.history)

    def refused(self, rule: str, saying: str = "") -> None:
        status, checks, output = self.run_of.audit()
        self.assertEqual(status, 1, output)
        self.assertFalse(checks[rule], output)
        self.assertIn(saying, output)

    def test_it_is_accepted(self) -> None:
        for entries in (self.entries, self.versions):
            status, checks, output = self.run_of.audit(entries)
            self.assertEqual(status, 0, output)
            self.assertTrue(checks and all(checks.values()), output)

    def test_a_value_that_comes_back(self) -> None:
        stays = lambda before, after: any(each["id"] in ids(before["holders"]) for each in after["holders"])  # noqa: E731
        before, after = self.run_of.find(stays)
        new = next(each for each in after["holders"] if each["id"] in ids(before["holders"]))
        old = next(each for each in before["holders"] if each["id"] == new["id"])
        old["value"], new["value"] = "$$w1.1#2", "$$w1.1#1"
        self.refused("audit-values", f"{new['id']} published value 2, and now value 1 again")

    def test_a_value_that_was_answered_and_never_written(self) -> None:
        granted = next(event for event in self.run_of.history if event["e"] == "return")
        self.run_of.history += [
            {"t": granted["t"], "p": "w1.1", "e": "call", "c": 9001, "op": "proclaim", "lock": "e0", "id": granted["id"], "number": 3},
            {"t": granted["t"] + 1, "p": "w1.1", "e": "return", "c": 9001, "what": "proclaimed"}]
        self.refused("audit-values", "was told that its value 3 is published")

    def test_the_entries_make_the_documents_that_are_there(self) -> None:
        collection = Collection(NS)
        for number, entry in enumerate(self.entries):
            list(collection.take(plain(entry), number))
        self.assertEqual(collection.documents, {each["_id"]: each for each in self.documents})
        self.assertTrue(any("diff" in entry["o"] for entry in self.entries), "no difference was seen")

    def test_without_its_beginning_it_cannot_be_judged(self) -> None:
        self.assertEqual(self.run_of.audit(self.entries[1:])[0], 2)
        self.assertEqual(self.run_of.audit([self.entries[0] | {"ns": "other.other"}])[0], 2)

    def test_a_revision_is_left_out(self) -> None:
        _, after = self.run_of.find(lambda before, after: True)
        after["rev"] += 1
        self.refused("audit-revisions")

    def test_the_fence_falls(self) -> None:
        before, after = self.run_of.find(lambda before, after: bool(newly(before, after)))
        newly(before, after)[0]["fence"] = after["fence"] = before["fence"] - 1000
        self.refused("audit-fence")

    def test_the_fence_rises_for_nobody(self) -> None:
        before, after = self.run_of.find(lambda before, after: not newly(before, after))
        after["fence"] += 1000
        self.refused("audit-fence")

    def test_a_second_holder(self) -> None:
        _, after = self.run_of.find(lambda before, after: any(holder.get("exclusive") for holder in after["holders"]))
        after["holders"].append(after["holders"][0] | {"id": "second"})
        self.refused("audit-compatible")

    def test_more_than_the_capacity(self) -> None:
        before, after = self.run_of.find(lambda before, after: "cap" in after and bool(newly(before, after)))
        newly(before, after)[0]["weight"] = after["cap"] + 1
        self.refused("audit-compatible")

    def test_the_head_is_passed(self) -> None:
        before, after = self.run_of.find(
            lambda before, after: len(before["waiters"]) > 1 and ids(newly(before, after)) == [before["waiters"][0]["id"]])
        head, second = before["waiters"][:2]
        newly(before, after)[0]["id"] = second["id"]
        after["waiters"][0] = head
        self.refused("audit-queue-order")

    def test_who_was_admitted_may_still_be_stored(self) -> None:
        before, after = self.run_of.find(
            lambda before, after: len(before["waiters"]) > 1 and ids(newly(before, after)) == [before["waiters"][0]["id"]])
        after["waiters"], after["admitted"] = before["waiters"], 1
        status, checks, output = self.run_of.audit()
        self.assertEqual(status, 0, output)
        after["admitted"] = 2  # the next one's place is lost
        self.refused("audit-removals")

    def test_one_who_did_not_wait_passes_those_who_do(self) -> None:
        before, after = self.run_of.find(
            lambda before, after: len(before["waiters"]) > 1 and ids(newly(before, after)) == [before["waiters"][0]["id"]])
        newly(before, after)[0]["id"] = "somebody new"
        self.refused("audit-queue-order")

    def test_nobody_is_admitted(self) -> None:
        before, after = self.run_of.find(
            lambda before, after: bool(before["waiters"]) and ids(newly(before, after)) == [before["waiters"][0]["id"]])
        after["holders"], after["fence"] = [], before["fence"]
        after["waiters"] = before["waiters"]
        self.refused("audit-queue-order")

    def test_two_who_wait_change_places(self) -> None:
        _, after = self.run_of.find(lambda before, after: len(before["waiters"]) > 1 and ids(before["waiters"]) == ids(after["waiters"]))
        after["waiters"][:2] = after["waiters"][1::-1]
        self.refused("audit-places")

    def test_a_place_before_those_who_wait(self) -> None:
        _, after = self.run_of.find(
            lambda before, after: bool(before["waiters"]) and len(after["waiters"]) == len(before["waiters"]) + 1)
        after["waiters"].insert(0, after["waiters"].pop())
        self.refused("audit-places", "somebody new stands before one that had waited")

    def two_at_once(self) -> tuple[Document, Document]:
        return self.run_of.find(lambda before, after: len(newly(before, after)) > 1
                                and set(ids(newly(before, after))) <= set(ids(before["waiters"])))

    def test_two_are_granted_in_another_order(self) -> None:
        before, after = self.two_at_once()
        one, two = newly(before, after)[:2]
        one["id"], two["id"] = two["id"], one["id"]
        self.refused("audit-queue-order", "in another order than that of the queue")

    def test_one_who_did_not_wait_is_granted_first(self) -> None:
        before, after = self.two_at_once()
        newly(before, after)[0]["id"] = "somebody new"
        self.refused("audit-queue-order", "one that had not waited was granted before one that had")

    def test_a_lease_is_shortened(self) -> None:
        before, after = self.run_of.find(lambda before, after: bool(before["holders"]) and ids(before["holders"]) == ids(after["holders"]))
        after["holders"][0]["until"] = before["holders"][0]["until"] - 1
        self.refused("audit-until")

    def test_a_claim_grows(self) -> None:
        _, after = self.run_of.find(lambda before, after: bool(before["holders"]) and ids(before["holders"]) == ids(after["holders"])
                                    and before["holders"][0].get("weight") == 1)
        after["holders"][0]["weight"] = 2
        self.refused("audit-claims")

    def test_a_holder_goes_that_did_not_release(self) -> None:
        before, after = self.run_of.find(lambda before, after: len(before["holders"]) == 1 and before["holders"][0]["until"] > after["mine"]
                                          and before["holders"][0]["id"] not in [each.removesuffix("/kept") for each in ids(after["holders"])])
        gone = before["holders"][0]["id"]
        release = next(event for event in self.run_of.history if event.get("op") == "release" and event["id"] == gone)
        self.run_of.history.remove(release)
        self.refused("audit-removals")
        self.run_of.history.append(release | {"t": release["t"] + 10**9})  # a second later
        self.refused("audit-removals")

    def test_two_leave_the_queue_at_once(self) -> None:
        _, after = self.run_of.find(lambda before, after: len(before["waiters"]) > 2 and ids(before["waiters"]) == ids(after["waiters"]))
        del after["waiters"][1:3]
        self.refused("audit-removals", "2 left the queue at once")

    def test_one_is_kept_that_did_not_release(self) -> None:
        _, after = self.run_of.find(lambda before, after: any(name.endswith("/kept") for name in ids(after["holders"])))
        name = after["holders"][0]["id"].removesuffix("/kept")
        self.run_of.history = [event for event in self.run_of.history if event.get("op") != "release" or event["id"] != name]
        self.refused("audit-removals", "is kept without having been released")

    def test_a_lease_that_has_ended_needs_no_release(self) -> None:
        before, after = self.run_of.find(lambda before, after: len(before["holders"]) == 1 and not set(ids(before["holders"])) & set(ids(
            after["holders"])) and before["holders"][0]["until"] + 500 <= after["mine"] and "/" not in before["holders"][0]["id"])
        before["holders"][0]["until"] = after["mine"]
        self.refused("audit-removals", "500 ms before its time")

    def test_the_document_of_a_lock_in_use_goes(self) -> None:
        at = next(number for number, entry in enumerate(self.run_of.versions) if entry["op"] == "u" and entry["o"]["holders"])
        lock = self.run_of.versions[at]["o2"]
        self.run_of.versions[at:] = [{"op": "d", "ns": NS, "wall": self.run_of.versions[at]["wall"], "o2": lock, "o": lock}]
        self.run_of.history = []
        self.refused("audit-removals")

    def test_another_token_was_told(self) -> None:
        told_of = next(event for event in self.run_of.history if event["e"] == "return")
        told_of["token"] += 1
        self.refused("audit-grants")

    def test_a_grant_was_told_that_the_server_does_not_know(self) -> None:
        self.run_of.history += [{"t": 1, "p": "w1.1", "e": "call", "c": 0, "op": "acquire", "lock": "m0"},
                                {"t": 2, "p": "w1.1", "e": "return", "c": 0, "what": "acquired", "id": "new", "token": 1, "until": 0}]
        self.refused("audit-grants")

    def test_a_grant_that_its_process_did_not_know(self) -> None:
        before, after = self.run_of.find(lambda before, after: len(before["holders"]) == 1 and not set(ids(before["holders"])) & set(ids(
            after["holders"])) and before["holders"][0]["until"] + 500 <= after["mine"] and "/" not in before["holders"][0]["id"])
        ghost = before["holders"][0]
        for entry in self.run_of.versions:
            for holder in entry["o"].get("holders", []):
                if holder["id"] == ghost["id"]:
                    holder["until"] = ghost["until"]  # never renewed
        told_of = next(event for event in self.run_of.history if event.get("id") == ghost["id"])
        self.run_of.history = [event for event in self.run_of.history if event["c"] != told_of["c"]]
        self.refused("audit-ghosts", ghost["id"])
        silent = [{"t": (ghost["since"] + late) * 1_000_000, "p": ghost["who"].removeprefix("$$"), "e": "return", "c": -late, "what": "error",
                   "code": "unavailable"} for late in (100, 200)]
        self.run_of.history += silent[:1]
        self.refused("audit-ghosts", ghost["id"])  # that may be the call that made it
        self.run_of.history += silent[1:]
        status, _, output = self.run_of.audit()
        self.assertEqual(status, 0, output)
        self.run_of.history[-2:] = [silent[0], silent[1] | {"p": "another"}]
        self.refused("audit-ghosts", ghost["id"])
        cut = {"p": "harness", "e": "fault", "class": "client-cut", "n": 1, "target": "w1"}
        self.run_of.history += [cut | {"t": ghost["since"] * 1_000_000, "phase": "begin"},
                                cut | {"t": after["mine"] * 1_000_000, "phase": "end"}]
        status, _, output = self.run_of.audit()
        self.assertEqual(status, 0, output)

    def test_tokens_fall_from_one_life_to_the_next(self) -> None:
        last = [entry for entry in self.run_of.versions if entry["o2"]["_id"] == "m0"][-1]["o"]
        grave = {"op": "d", "ns": NS, "wall": last["et"] + 60_000, "o2": {"_id": "m0"}, "o": {"_id": "m0"}}
        again = next(entry for entry in self.run_of.versions if entry["o2"]["_id"] == "m0" and entry["op"] == "i")
        self.run_of.versions += [grave, copy.deepcopy(again)]
        self.refused("audit-tokens-over-lives")

    def test_an_operator_may(self) -> None:
        before, after = self.run_of.find(lambda before, after: bool(newly(before, after)))
        after["rev"] += 7
        self.refused("audit-revisions")
        wall = next(entry["wall"] for entry in self.run_of.versions if entry["o"] is after)
        edit = {"p": "harness", "e": "fault", "class": "operator-edit", "n": 1, "target": after["_id"]}
        events = [edit | {"t": (wall - 1000) * 1_000_000, "phase": "begin"}, edit | {"t": (wall + 60_000) * 1_000_000, "phase": "end"}]
        self.run_of.history += events
        status, _, output = self.run_of.audit()
        self.assertEqual(status, 0, output)
        events[0]["t"] += 30_000 * 1_000_000  # it was later
        self.refused("audit-revisions")
        events[0]["t"] -= 30_000 * 1_000_000
        events[0]["target"] = "another lock"
        self.refused("audit-revisions")


if __name__ == "__main__":
    unittest.main()
