#!/usr/bin/python3
"""dlock doctor: faults that are planted on a real server are found, and nothing on one that is in order. More faults, which
no server has on demand, are in tests/doctor; those of rights in tests/security/test_roles.py, of TLS in test_tls.py there, and
of sets in test_doctor_sets.py."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable
from typing import Any

from bson import Int64
from harness import PATIENCE, Case, main

CHECKS = ["members", "majority", "topology", "versions", "clocks", "this-clock", "url", "pool", "tls", "driver", "rights",
          "more-rights", "ttl-index", "notifications", "foreign", "numbers", "overdue", "sizes"]
# What is not the set's fault: tests reach one member through a proxy, and its release may have lost its support.
USUAL = {"topology": "hint", "versions": "hint"}
LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
SOON = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=10)


class Doctor(Case):
    """Locks and a channel of its own, which were used."""

    def setUp(self) -> None:
        super().setUp()
        self.locks = self.server.client[self.server.db].dlocks
        self.notices = self.server.client.mongo_dlock_notif
        self.addCleanup(self.drop_channel)
        taken = self.run_to_end(self.lock, "true")
        self.assertEqual((taken.returncode, taken.stderr), (0, ""))

    def drop_channel(self) -> None:
        for name in self.notices.list_collection_names(filter={"name": {"$regex": f"^{self.server.db}"}}):
            self.notices.drop_collection(name)

    def command(self, *words: str, verb: str = "run") -> list[str]:
        return super().command("--notif_channel", self.server.db, *words, verb=verb)

    def examine(self, *words: str) -> tuple[int, Any]:
        began = time.monotonic()
        result = self.run_to_end("--json", *words, verb="doctor")
        self.assertEqual(result.stderr, "")
        self.assertLess(time.monotonic() - began, PATIENCE if "--write" in words else 5)
        return result.returncode, json.loads(result.stdout)

    def complaints(self, *words: str) -> dict[str, str]:
        """The worst of each check that has something to say besides the usual. The status is that of the worst of all."""
        status, seen = self.examine(*words)
        found: dict[str, str] = {}
        for each in seen["checks"]:
            if each["level"] != "ok" and found.get(each["check"]) != "finding":
                found[each["check"]] = each["level"]
        worst = "finding" if "finding" in found.values() else "hint" if found else "ok"
        self.assertEqual((seen["level"], status), (worst, 1 if worst == "finding" else 0))
        return {check: level for check, level in found.items() if USUAL.get(check) != level}


class Healthy(Doctor):
    def test_nothing_is_found(self) -> None:
        self.hold_lock("other")
        self.wait_in_queue("other", "true")
        self.assertEqual(self.complaints(), {})
        _, seen = self.examine()
        self.assertEqual([*dict.fromkeys(each["check"] for each in seen["checks"])], CHECKS)
        [member] = seen["members"]
        self.assertEqual((member["host"], member["state"], member["reachable"], member["problem"]),
                         (f"127.0.0.1:{self.server.port}", "primary", True, None))
        self.assertEqual(member["version"], self.server.client.server_info()["version"])
        self.assertLessEqual(abs(member["clock_offset_ms"]), member["clock_precision_ms"])
        self.assertIsNone(seen["hand_off_ms"])

    def test_a_database_that_nobody_has_used(self) -> None:
        self.drop_channel()
        self.locks.drop()
        self.server.client[self.server.db].drop_collection("dlocks.history")
        self.assertEqual(self.complaints(), {})
        self.assertEqual(self.server.client[self.server.db].list_collection_names(), [], "the doctor makes nothing")
        self.assertEqual(self.notices.list_collection_names(filter={"name": self.server.db}), [])

    def test_text(self) -> None:
        self.locks.drop_index("et_1")
        result = self.run_to_end(verb="doctor")
        self.assertEqual((result.returncode, result.stderr), (1, ""))
        lines = result.stdout.splitlines()
        self.assertEqual([*dict.fromkeys(line[9:24].rstrip() for line in lines[:-1])], CHECKS)
        self.assertIn(f"FINDING  ttl-index      {self.server.db}.dlocks has no TTL index on et; the documents of idle locks stay for "
                      "ever, until a client makes the index at its start; to mend it: "
                      f'db.getSiblingDB("{self.server.db}").getCollection("dlocks").createIndex({{et: 1}}, {{expireAfterSeconds: 60}})',
                      lines)
        self.assertRegex(lines[-1], r"\A1 finding, \d hints?\Z")

    def test_a_canary(self) -> None:
        status, seen = self.examine("--write")
        self.assertEqual(status, 0, seen)
        canary = seen["checks"][-1]
        self.assertEqual((canary["check"], canary["level"]), ("canary", "ok"))
        self.assertTrue(0 < seen["hand_off_ms"] < 1000, seen)
        self.assertEqual([each["_id"] for each in self.server.documents()], [self.lock], "its document is gone")

    def test_it_cannot_look(self) -> None:
        for words, says in ((("--url", "mongodb://127.0.0.1:1"), "127.0.0.1:1"), (("--url", "nonsense"), "url"), (("x",), "no operand"),
                            (("--clock_skew", "2h"), "clock_skew")):
            began = time.monotonic()
            result = self.run_to_end(*words, verb="doctor")
            self.assertEqual((result.returncode, result.stdout), (125, ""), words)
            self.assertRegex(result.stderr, rf"\Adlock: [^\n]*{says}[^\n]*\n\Z")
            self.assertLess(time.monotonic() - began, 5)

    def test_a_server_that_gives_no_answer(self) -> None:
        self.server.break_off()
        for tls in ("", "&tls=true"):
            self.environment["DLOCK_URL"] = self.server.url + tls
            began = time.monotonic()
            result = self.run_to_end("--write", verb="doctor")
            self.assertEqual((result.returncode, result.stdout), (125, ""))
            self.assertRegex(result.stderr, r"\Adlock: cannot examine 127\.0\.0\.1:\d+: [^\n]*\n\Z")
            self.assertLess(time.monotonic() - began, 5)


class Planted(Doctor):
    """One fault each: only the checks that are for it say so."""

    def check(self, plant: Callable[[], Any], *words: str, **expected: str) -> None:
        plant()
        self.assertEqual(self.complaints(*words), {check.replace("_", "-"): level for check, level in expected.items()})

    def url_with(self, options: str) -> None:
        self.environment["DLOCK_URL"] = self.server.url + options

    def test_no_ttl_index(self) -> None:
        self.check(lambda: self.locks.drop_index("et_1"), ttl_index="finding")

    def test_an_index_that_is_not_ttl(self) -> None:
        self.locks.drop_index("et_1")
        self.check(lambda: self.locks.create_index("et"), ttl_index="finding")

    def set_grace(self, seconds: int) -> None:
        self.locks.database.command("collMod", "dlocks", index={"keyPattern": {"et": 1}, "expireAfterSeconds": seconds})

    def test_a_short_grace(self) -> None:
        self.check(lambda: self.set_grace(5), "--grace", "5", ttl_index="finding")

    def test_another_grace(self) -> None:
        self.check(lambda: self.set_grace(600), ttl_index="hint")
        self.assertEqual(self.complaints("--grace", "10m"), {})

    def test_a_document_that_is_no_lock(self) -> None:
        self.check(lambda: self.locks.insert_one({"_id": "shop", "price": 5}), foreign="finding")

    def test_an_id_that_is_no_text(self) -> None:
        self.check(lambda: self.locks.insert_one({"_id": 5, "et": SOON}), foreign="finding")

    def test_a_fence_out_of_range(self) -> None:
        self.check(lambda: self.locks.update_one({"_id": self.lock}, {"$set": {"fence": Int64(2 ** 62)}}), numbers="finding")

    def test_a_holder_with_a_bad_fence(self) -> None:
        self.hold_lock("--ttl", "10m", self.lock)
        self.check(lambda: self.locks.update_one({"_id": self.lock}, {"$set": {"holders.0.fence": Int64(-1)}}), numbers="finding")

    def insert_lock(self, name: str, et: datetime.datetime, **fields: Any) -> None:
        self.locks.insert_one({"_id": name, "et": et, "ct": et, "mine": et, "fence": Int64(1), "rev": Int64(1), "holders": [], "waiters": [],
                               **fields})

    def test_an_oversized_queue(self) -> None:
        self.check(lambda: self.insert_lock("busy", SOON, waiters=[{"id": str(n)} for n in range(5000)]), sizes="finding")

    def test_an_oversized_document(self) -> None:
        holder = {"id": "x", "fence": Int64(1), "until": SOON, "who": "x" * 9_000_000}
        self.check(lambda: self.insert_lock("huge", SOON, holders=[holder]), sizes="finding")

    def test_a_holder_that_expired_long_ago(self) -> None:
        self.locks.drop_index("et_1")  # or else it is removed
        holder = {"id": "x", "fence": Int64(1), "until": LONG_AGO}
        self.check(lambda: self.insert_lock("old", LONG_AGO, holders=[holder]), ttl_index="finding", overdue="finding")

    def test_a_channel_that_is_not_capped(self) -> None:
        self.drop_channel()
        self.check(lambda: self.notices[self.server.db].insert_one({"dummy": True}), notifications="finding")

    def test_an_inbox_that_is_not_capped(self) -> None:
        self.check(lambda: self.notices[f"{self.server.db}.inbox.7"].insert_one({"dummy": True}), notifications="finding")

    def test_no_server_for_notifications(self) -> None:
        self.check(lambda: None, "--notif_url", "mongodb://127.0.0.1:1/x", notifications="finding")

    def test_a_tiny_pool(self) -> None:
        self.check(lambda: self.url_with("&maxPoolSize=2"), pool="finding")

    def test_options_without_effect(self) -> None:
        self.check(lambda: self.url_with("&w=1&retryWrites=true"), url="hint")


if __name__ == "__main__":
    main()
