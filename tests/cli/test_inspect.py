#!/usr/bin/python3
"""dlock ls and dlock show: who holds, who waits, for people and for programs."""

import json
import re
import subprocess
from typing import Any

from harness import PATIENCE, Case, main, wait_for

HEADING = ["ID", "KIND", "HOLDER", "SINCE", "UNTIL", "TOKEN", "WAITERS"]
LOCK = ["id", "permits", "token", "at", "expiry", "holders", "waiters", "expired", "history"]
HOLDER = ["who", "mode", "permits", "token", "since", "until", "expired", "revoked", "foreign", "kept", "lingering", "value"]
WAITER = ["who", "mode", "permits", "since", "value"]
ODD_IDS = ["gr\u00fcn \u9501 \U0001d11e", "it's \"quoted\"", "-n", "\x1b[31mred", "\u202egnp", "\x9b31m", "a:b@c", "a\nb", "a\tb", "a/b",
           "x" * 1000, "$holders"]


class Inspect(Case):
    def get(self, *words: str, verb: str = "ls", status: int = 0, err: str = "") -> str:
        result = self.run_to_end(*words, verb=verb)
        self.assertEqual((result.returncode, result.stderr), (status, err), words)
        return result.stdout

    def table(self, *words: str) -> list[list[str]]:
        rows = [re.split(r"  +", line) for line in self.get(*words).splitlines()]
        self.assertEqual(rows[0], HEADING)
        return rows[1:]

    def json(self, *words: str) -> Any:
        return json.loads(self.get("--json", *words))

    def test_no_locks(self) -> None:
        self.assertEqual(self.get(err="dlock: there is no lock that is held or waited for\n"), "")
        self.assertEqual(self.get("-a", err="dlock: there is no lock\n"), "")
        self.assertEqual(self.get("--prefix", "x", err="dlock: there is no lock whose ID begins with 'x' that is held or waited for\n"), "")
        self.assertEqual(self.get("--json"), "[]\n")

    def test_a_table(self) -> None:
        self.hold_lock("b")
        holder = self.hold_lock("-s", "a")
        self.hold_lock("-s", "a")
        self.wait_in_queue("-x", "a", "true")
        first, second = self.table()
        self.assertEqual(first[:2], ["a", "shared"])
        self.assertRegex(first[2], rf"\A\S+:{holder.pid} sh \+1 more\Z")
        self.assertRegex(first[3], r"\A\d+s\Z")
        self.assertRegex(first[4], r"\Ain \d+s\Z")
        self.assertRegex(first[5], r"\A\d+\Z")
        self.assertEqual(first[6], "1")
        self.assertEqual((second[:2], second[6]), (["b", "exclusive"], "0"))

    def test_free_ones_are_left_out(self) -> None:
        self.assertEqual(self.run_to_end("free", "true").returncode, 0)
        self.hold_lock("--permits", "3", "--take", "2", "held")
        self.assertEqual([row[:2] for row in self.table()], [["held", "semaphore 2/3"]])
        self.assertEqual([row[0] for row in self.table("--all")], ["free", "held"])
        self.assertEqual([lock["id"] for lock in self.json("-a")], ["free", "held"])
        self.assertEqual(self.json("-a")[0]["holders"], [])

    def test_prefix(self) -> None:
        for lock in ("app.a", "app.b", "appx", "other"):
            self.assertEqual(self.run_to_end(lock, "true").returncode, 0)
        self.assertEqual([lock["id"] for lock in self.json("-a", "--prefix", "app.")], ["app.a", "app.b"])
        self.assertEqual([row[0] for row in self.table("-a", "--prefix=app")], ["app.a", "app.b", "appx"])

    def test_json(self) -> None:
        holder = self.hold_lock("--ttl", "5m", "--permits", "3", "--take", "2", self.lock)  # no renewal between the two looks
        waiter = self.wait_in_queue("--permits", "3", "--take", "3", self.lock, "true")
        lock = self.look(self.lock)
        self.assertEqual(list(lock), LOCK)
        self.assertEqual([lock], [{**each, "at": lock["at"], "history": []} for each in self.json()])
        self.assertEqual((lock["id"], lock["permits"], lock["token"]), (self.lock, 3, lock["holders"][0]["token"]))
        [held], [waits] = lock["holders"], lock["waiters"]
        self.assertEqual((list(held), list(waits)), (HOLDER, WAITER))
        self.assertRegex(held["who"], rf":{holder.pid} sh\Z")
        self.assertRegex(waits["who"], rf":{waiter.pid} true\Z")
        self.assertEqual((held["mode"], held["permits"], waits["mode"], waits["permits"]), ("permits", 2, "permits", 3))
        self.assertEqual((held["expired"], held["revoked"], held["foreign"], held["value"]), (False, False, False, None))
        for when in (lock["at"], held["since"], held["until"], waits["since"]):
            self.assertRegex(when, r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
        self.assertTrue(held["since"] <= waits["since"] <= lock["at"] < held["until"], lock)

    def test_waiters_in_their_order(self) -> None:
        self.hold_lock(self.lock)
        waiters = []
        for _ in range(3):
            waiters.append(self.wait_in_queue(self.lock, "true").pid)
        self.assertEqual([int(each["who"].split(":")[1].split()[0]) for each in self.look(self.lock)["waiters"]], waiters)
        text = self.get(self.lock, verb="show")
        for number, pid in enumerate(waiters, start=1):
            self.assertRegex(text, rf"(?m)^{number} +\S+:{pid} true +exclusive +[-0-9T:.]+Z \(\d+s ago\)$")

    def test_all_holders(self) -> None:
        holders = [self.hold_lock("-s", self.lock).pid for _ in range(3)]
        text = self.get(self.lock, verb="show")
        for pid in holders:
            self.assertRegex(text, rf"(?m)^\S+:{pid} sh +shared +\d+ +[-0-9T:.]+Z \(\d+s ago\) +[-0-9T:.]+Z \(in \d+s\)$")
        self.assertIn("\nNobody waits for it.\n", text)

    def test_a_lock_that_is_free_and_one_that_is_not_there(self) -> None:
        self.assertEqual(self.run_to_end(self.lock, "true").returncode, 0)
        self.assertIn("\nNobody holds it.\n", self.get(self.lock, verb="show"))
        self.assertEqual(self.look(self.lock)["holders"], [])
        err = "dlock: there is no lock 'other': it is free (never used, or swept after its last use)\n"
        self.assertEqual(self.get("other", verb="show", status=1, err=err), "")
        self.assertEqual(self.get("--json", "other", verb="show", status=1), "null\n")

    def check_free(self, kept: bool) -> None:
        """Once it is over; and before and after that, ls and show say what run -n finds."""
        def over() -> Any:
            lock = self.look(self.lock)
            return None if lock["holders"] else lock

        lock = wait_for(over, "it to be free")
        self.assertEqual([(each["expired"], each["kept"]) for each in lock["expired"]], [(True, kept)])
        self.assertEqual((self.json(), [row[:3] for row in self.table("-a")]), ([], [[self.lock, "-", "-"]]))
        text = self.get(self.lock, verb="show")
        self.assertIn("\nNobody holds it.\n\nExpired holders:\n", text)
        self.assertIn("(expired, kept)" if kept else "(expired)", text)
        self.assertEqual(self.run_to_end("-n", self.lock, "true").returncode, 0)
        self.assertEqual(self.look(self.lock)["expired"], [])

    def test_the_lock_of_a_dead_holder_is_free_when_its_lease_is_over(self) -> None:
        process = self.hold_lock("--ttl", "10s", self.lock)  # for two looks
        process.kill()
        [held] = self.look(self.lock)["holders"]
        self.assertFalse(held["expired"])
        self.assertEqual(self.run_to_end("-n", self.lock, "true").returncode, 124)
        self.check_free(False)

    def test_a_kept_lock_is_free_when_its_time_is_over(self) -> None:
        self.assertEqual(self.run_to_end("--at-least", "10s", self.lock, "true").returncode, 0)
        [held] = self.look(self.lock)["holders"]
        self.assertTrue(held["kept"])
        self.check_free(True)

    def test_a_kept_lock(self) -> None:
        self.assertEqual(self.run_to_end("--at-least", "1m", self.lock, "true").returncode, 0)
        self.hold_lock("held")
        self.assertEqual([lock["holders"][0]["kept"] for lock in self.json()], [False, True])
        self.assertRegex(self.get(self.lock, verb="show"), r"\(in \d+s, kept\)")
        self.assertRegex(self.table()[1][4], r"\Ain \d+s, kept\Z")

    def test_mongo_dlock(self) -> None:
        self.server.hold_as_mongo_dlock(self.lock)
        [held] = self.look(self.lock)["holders"]
        self.assertEqual((held["foreign"], held["who"], held["token"]), (True, None, None))
        self.assertEqual(self.table()[0][2], "a mongo-dlock (node) client")
        self.assertIn("a mongo-dlock (node) client", self.get(self.lock, verb="show"))

    def test_odd_ids(self) -> None:
        for lock in ODD_IDS:
            self.hold_lock("--id", lock)
        self.assertEqual([lock["id"] for lock in self.json()], sorted(ODD_IDS, key=str.encode))
        for text in (self.get(), *(self.get("--", lock, verb="show") for lock in ODD_IDS)):
            self.assertNotRegex(text.replace("\n", ""), "[\x00-\x1f\x7f-\x9f\u202e]")
        for lock in ODD_IDS:
            self.assertEqual(json.loads(self.get("--json", "--", lock, verb="show"))["id"], lock)

    # --- trouble ----------------------------------------------------------------------------------------------------

    def test_outputs_that_cannot_be_written(self) -> None:
        self.hold_lock(self.lock)
        for verb, words in (("ls", []), ("show", [self.lock])):
            with open("/dev/full", "w") as full:
                result = self.run_to_end(*words, verb=verb, stdout=full)
            self.assertEqual((result.returncode, result.stderr), (125, "dlock: cannot write to standard output: No space left on device\n"))
            result = subprocess.run(["bash", "-o", "pipefail", "-c", '"$@" | true', "bash", *self.command(*words, verb=verb)],
                                    capture_output=True, text=True, env=self.environment, timeout=PATIENCE)
            self.assertEqual((result.returncode in (0, 141), result.stderr), (True, ""))


if __name__ == "__main__":
    main()
