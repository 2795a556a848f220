#!/usr/bin/python3
"""The audit of what the server wrote down of real `dlock` commands: accepted as it is, and refused with any one edit.

  test_audit.py DLOCK FOLDER      DLOCK: the command; FOLDER: chaos/check. The server is DLOCK_TEST_URL's.
"""

from __future__ import annotations

import copy
import unittest
from collections.abc import Callable
from typing import Any

import pymongo

from audited_run import DB, NS, URL, Document, Run, as_versions, dump_documents, dump_oplog, ids, newly, told, use_locks
from evidence import scratch_folder
from oplog_diff import Collection, plain

# Steps from one version of a lock to the next.


def grants(before: Document, after: Document) -> bool:
    return bool(newly(before, after))


def grants_the_head(before: Document, after: Document) -> bool:
    return bool(before["waiters"]) and ids(newly(before, after)) == [before["waiters"][0]["id"]]


def grants_the_head_of_several(before: Document, after: Document) -> bool:
    return len(before["waiters"]) > 1 and grants_the_head(before, after)


def grants_two(before: Document, after: Document) -> bool:
    return len(newly(before, after)) > 1 and set(ids(newly(before, after))) <= set(ids(before["waiters"]))


def keeps_its_holders(before: Document, after: Document) -> bool:
    return bool(before["holders"]) and ids(before["holders"]) == ids(after["holders"])


def keeps_its_queue(before: Document, after: Document) -> bool:
    return len(before["waiters"]) > 2 and ids(before["waiters"]) == ids(after["waiters"])


def is_rid_of_an_expired_holder(before: Document, after: Document) -> bool:
    return (len(before["holders"]) == 1 and not set(ids(before["holders"])) & set(ids(after["holders"]))
            and before["holders"][0]["until"] + 500 <= after["mine"] and "/" not in before["holders"][0]["id"])


def is_rid_of_a_holder_in_time(before: Document, after: Document) -> bool:
    return (len(before["holders"]) == 1 and before["holders"][0]["until"] > after["mine"]
            and before["holders"][0]["id"] not in [each.removesuffix("/kept") for each in ids(after["holders"])])


# Edits of the version after such a step, each of which breaks a rule.


def pass_the_head(before: Document, after: Document) -> None:
    head, second = before["waiters"][:2]
    newly(before, after)[0]["id"] = second["id"]
    after["waiters"][0] = head


def exchange(before: Document, after: Document) -> None:
    one, two = newly(before, after)[:2]
    one["id"], two["id"] = two["id"], one["id"]


def let_the_fence_fall(before: Document, after: Document) -> None:
    newly(before, after)[0]["fence"] = after["fence"] = before["fence"] - 1000


def let_a_value_come_back(before: Document, after: Document) -> None:
    before["holders"][0]["value"], after["holders"][0]["value"] = "$$w1.1#2", "$$w1.1#1"


def move_the_last_to_the_front(before: Document, after: Document) -> None:
    after["waiters"].insert(0, after["waiters"].pop())


Step = Callable[[Document, Document], Any]
# what happens: the step where, what is done to it, the rule that is broken then, and what is said
EDITS: dict[str, tuple[Step, Step, str, str]] = {
    "a revision is left out": (lambda before, after: True, lambda before, after: after.update(rev=after["rev"] + 1), "audit-revisions", ""),
    "the fence falls": (grants, let_the_fence_fall, "audit-fence", ""),
    "the fence rises for nobody": (lambda before, after: not grants(before, after),
                                   lambda before, after: after.update(fence=after["fence"] + 1000), "audit-fence", ""),
    "there is a second holder": (lambda before, after: any(holder.get("exclusive") for holder in after["holders"]),
                                 lambda before, after: after["holders"].append(after["holders"][0] | {"id": "second"}), "audit-compatible", ""),
    "more than the capacity is held": (lambda before, after: "cap" in after and grants(before, after),
                                       lambda before, after: newly(before, after)[0].update(weight=after["cap"] + 1), "audit-compatible", ""),
    "the head is passed": (grants_the_head_of_several, pass_the_head, "audit-queue-order", ""),
    "one who did not wait passes the head": (grants_the_head_of_several, lambda before, after: newly(before, after)[0].update(id="new"),
                                             "audit-queue-order", ""),
    "nobody is admitted": (grants_the_head, lambda before, after: after.update(holders=[], fence=before["fence"], waiters=before["waiters"]),
                           "audit-queue-order", ""),
    "two are granted in another order": (grants_two, exchange, "audit-queue-order", "in another order than that of the queue"),
    "one who did not wait is granted first": (grants_two, lambda before, after: newly(before, after)[0].update(id="somebody new"),
                                              "audit-queue-order", "one that had not waited was granted before one that had"),
    "two who wait change places": (keeps_its_queue, lambda before, after: after["waiters"].insert(0, after["waiters"].pop(1)), "audit-places", ""),
    "one who comes stands before those who wait": (
        lambda before, after: bool(before["waiters"]) and len(after["waiters"]) == len(before["waiters"]) + 1, move_the_last_to_the_front,
        "audit-places", "stands before one that had waited"),
    "two leave the queue at once": (keeps_its_queue, lambda before, after: after.update(waiters=after["waiters"][:1] + after["waiters"][3:]),
                                    "audit-removals", "2 left the queue at once"),
    "a lease is shortened": (keeps_its_holders, lambda before, after: after["holders"][0].update(until=before["holders"][0]["until"] - 1),
                             "audit-until", ""),
    "a claim grows": (lambda before, after: keeps_its_holders(before, after) and before["holders"][0].get("weight") == 1,
                      lambda before, after: after["holders"][0].update(weight=2), "audit-claims", ""),
    "a lease ends before its time": (is_rid_of_an_expired_holder, lambda before, after: before["holders"][0].update(until=after["mine"]),
                                     "audit-removals", "500 ms before its time"),
    "a value comes back": (keeps_its_holders, let_a_value_come_back, "audit-values", "published value 2, and now value 1 again"),
}


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
            cls.documents = dump_documents(client)
            client.drop_database(DB)
        cls.versions = as_versions(cls.entries)
        cls.history = told(cls.versions)

    def setUp(self) -> None:
        self.run_of = Run(self.versions, self.history)

    def accepted(self, entries: list[Document] | None = None) -> None:
        status, checks, output = self.run_of.audit(entries)
        self.assertEqual(status, 0, output)
        self.assertTrue(checks and all(checks.values()), output)

    def refused(self, rule: str, saying: str = "") -> None:
        status, checks, output = self.run_of.audit()
        self.assertEqual(status, 1, output)
        self.assertFalse(checks[rule], output)
        self.assertIn(saying, output)

    def test_a_good_run_is_accepted(self) -> None:
        self.accepted(self.entries)
        self.accepted(self.versions)

    def test_the_entries_make_the_documents_that_are_there(self) -> None:
        collection = Collection(NS)
        for number, entry in enumerate(self.entries):
            list(collection.take(plain(entry), number))
        self.assertEqual(collection.documents, {each["_id"]: each for each in self.documents})
        self.assertTrue(any("diff" in entry["o"] for entry in self.entries), "no difference was seen")

    def test_without_its_beginning_it_cannot_be_judged(self) -> None:
        self.assertEqual(self.run_of.audit(self.entries[1:])[0], 2)
        self.assertEqual(self.run_of.audit([self.entries[0] | {"ns": "other.other"}])[0], 2)

    def test_edits(self) -> None:
        for name, (step, edit, rule, saying) in EDITS.items():
            with self.subTest(name):
                self.run_of = Run(self.versions, self.history)
                edit(*self.run_of.find(step))
                self.refused(rule, saying)

    def test_who_was_admitted_may_still_be_stored(self) -> None:
        before, after = self.run_of.find(grants_the_head_of_several)
        after["waiters"], after["admitted"] = before["waiters"], 1
        self.accepted()
        after["admitted"] = 2  # the next one's place is lost
        self.refused("audit-removals")

    def test_a_holder_goes_that_did_not_release(self) -> None:
        before, _ = self.run_of.find(is_rid_of_a_holder_in_time)
        gone = before["holders"][0]["id"]
        release = next(event for event in self.run_of.history if event.get("op") == "release" and event["id"] == gone)
        self.run_of.history.remove(release)
        self.refused("audit-removals")
        self.run_of.history.append(release | {"t": release["t"] + 10**9})  # a second later
        self.refused("audit-removals")

    def test_one_is_kept_that_did_not_release(self) -> None:
        _, after = self.run_of.find(lambda before, after: any(name.endswith("/kept") for name in ids(after["holders"])))
        name = after["holders"][0]["id"].removesuffix("/kept")
        self.run_of.history = [event for event in self.run_of.history if event.get("op") != "release" or event["id"] != name]
        self.refused("audit-removals", "is kept without having been released")

    def test_the_document_of_a_lock_in_use_goes(self) -> None:
        at = next(number for number, entry in enumerate(self.run_of.versions) if entry["op"] == "u" and entry["o"]["holders"])
        lock = self.run_of.versions[at]["o2"]
        self.run_of.versions[at:] = [{"op": "d", "ns": NS, "wall": self.run_of.versions[at]["wall"], "o2": lock, "o": lock}]
        self.run_of.history = []
        self.refused("audit-removals")

    def test_what_clients_were_told(self) -> None:
        granted = next(event for event in self.history if event["e"] == "return")
        call, answer = {"t": granted["t"], "p": "w1.1", "e": "call", "c": 9001}, {"t": granted["t"] + 1, "p": "w1.1", "e": "return", "c": 9001}
        for rule, more in (("audit-grants", [call | {"op": "acquire", "lock": "m0"},  # which the server does not know
                                             answer | {"what": "acquired", "id": "new", "token": 1, "until": 0}]),
                           ("audit-values", [call | {"op": "proclaim", "lock": "e0", "id": granted["id"], "number": 3},
                                             answer | {"what": "proclaimed"}])):  # which was never written
            with self.subTest(rule):
                self.run_of = Run(self.versions, self.history + more)
                self.refused(rule)
        self.run_of = Run(self.versions, self.history)
        next(event for event in self.run_of.history if event["e"] == "return")["token"] += 1
        self.refused("audit-grants")

    def test_a_grant_that_its_process_did_not_know(self) -> None:
        before, after = self.run_of.find(is_rid_of_an_expired_holder)
        ghost = before["holders"][0]
        for entry in self.run_of.versions:
            for holder in entry["o"].get("holders", []):
                if holder["id"] == ghost["id"]:
                    holder["until"] = ghost["until"]  # never renewed
        told_of = next(event for event in self.run_of.history if event.get("id") == ghost["id"])
        history = [event for event in self.run_of.history if event["c"] != told_of["c"]]
        first, second = ({"t": (ghost["since"] + late) * 1_000_000, "p": ghost["who"].removeprefix("$$"), "e": "return", "c": -late,
                          "what": "error", "code": "unavailable"} for late in (100, 200))
        cut = {"p": "harness", "e": "fault", "class": "client-cut", "n": 1, "target": "w1"}
        window = [cut | {"t": ghost["since"] * 1_000_000, "phase": "begin"}, cut | {"t": after["mine"] * 1_000_000, "phase": "end"}]
        # One call without an answer may be the one that made it. Two are a server that is too slow; so is a fault near it.
        for more, excused in (([], False), ([first], False), ([first, second], True), ([first, second | {"p": "another"}], False), (window, True)):
            self.run_of.history = history + more
            if excused:
                self.accepted()
            else:
                self.refused("audit-ghosts", ghost["id"])

    def test_tokens_fall_from_one_life_to_the_next(self) -> None:
        last = [entry for entry in self.run_of.versions if entry["o2"]["_id"] == "m0"][-1]["o"]
        grave = {"op": "d", "ns": NS, "wall": last["et"] + 60_000, "o2": {"_id": "m0"}, "o": {"_id": "m0"}}
        again = next(entry for entry in self.run_of.versions if entry["o2"]["_id"] == "m0" and entry["op"] == "i")
        self.run_of.versions += [grave, copy.deepcopy(again)]
        self.refused("audit-tokens-over-lives")

    def test_an_operator_may(self) -> None:
        _, after = self.run_of.find(grants)
        after["rev"] += 7
        wall = next(entry["wall"] for entry in self.run_of.versions if entry["o"] is after)
        edit = {"p": "harness", "e": "fault", "class": "operator-edit", "n": 1, "target": after["_id"]}
        history = self.run_of.history
        for begins, target, excused in ((-1000, after["_id"], True), (29_000, after["_id"], False), (-1000, "another lock", False)):
            self.run_of.history = history + [edit | {"t": (wall + begins) * 1_000_000, "phase": "begin", "target": target},
                                             edit | {"t": (wall + 60_000) * 1_000_000, "phase": "end", "target": target}]
            if excused:
                self.accepted()
            else:
                self.refused("audit-revisions")


if __name__ == "__main__":
    unittest.main()
