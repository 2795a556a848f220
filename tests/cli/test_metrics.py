#!/usr/bin/python3
"""dlock metrics: the figures, one read for many scrapes, and an outage."""

import concurrent.futures
import json
import re
import time
from pathlib import Path

from harness import Case, main, wait_for
from listeners import Listener, values

ROOT = Path(__file__).resolve().parents[2]


class Metrics(Case):
    def once(self, *words: str) -> dict[str, float]:
        result = self.run_to_end(*words, verb="metrics")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return values(result.stdout.encode())

    def test_locks(self) -> None:
        self.hold_lock("a")
        self.hold_lock("-s", "b")
        self.hold_lock("-s", "b")
        self.wait_in_queue("a", "true")
        self.assertEqual(self.run_to_end("free", "true").returncode, 0)
        time.sleep(0.2)
        told = self.once()
        wanted = {"up": 1, "locks": 3, "locks_held": 2, "locks_waited_for": 1, "locks_without_holder": 0, "holders": 3, "holders_expired": 0,
                  "holders_revoked": 0, "waiters": 1, "longest_queue": 1}
        self.assertEqual({name: told[f"dlock_{name}"] for name in wanted}, wanted)
        self.assertTrue(0.1 < told["dlock_oldest_waiter_seconds"] < told["dlock_longest_hold_seconds"] < 100, told)

    def test_labels(self) -> None:
        self.hold_lock("nightly-a")
        self.assertEqual(self.run_to_end("b", "true").returncode, 0)
        held = 'dlock_lock_holders{lock="nightly-a"}'
        self.assertNotIn(held, self.once())
        self.assertEqual(self.once("--label-locks")[held], 1)
        self.assertEqual([name for name in self.once("--label-locks", "--prefix", "nightly-") if name.startswith("dlock_lock_holders")], [held])
        server = Listener(self, "--label-locks")
        wait_for(lambda: values(server.ask().body).get(held) == 1, "the label in a scrape")

    def test_documents_that_are_no_locks(self) -> None:
        self.assertEqual(self.run_to_end("free", "true").returncode, 0)
        self.server.client[self.server.db].dlocks.insert_many([{"_id": "other", "x": 1}, {"_id": 7}, {"_id": "odd", "et": "?", "holders": "?"}])
        self.assertEqual(self.once()["dlock_locks"], 1)

    def test_a_holder_of_mongo_dlock(self) -> None:
        self.server.hold_as_mongo_dlock("node")
        told = self.once()
        self.assertEqual((told["dlock_holders"], told["dlock_holders_foreign"]), (1, 1))

    def test_many_scrapes_share_one_read(self) -> None:
        server = Listener(self)
        wait_for(lambda: values(server.ask().body)["dlock_up"] == 1, "contact")
        db = self.server.client[self.server.db]
        time.sleep(1.1)  # what was read before is too old then
        db.command("profile", 2)
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            replies = [*pool.map(lambda _: server.ask(), range(30))]
        took = time.monotonic() - began
        db.command("profile", 0)
        self.assertEqual([values(reply.body)["dlock_up"] for reply in replies], [1] * 30)
        reads = db.system.profile.count_documents({"ns": f"{self.server.db}.dlocks", "command.aggregate": "dlocks"})
        self.assertTrue(1 <= reads <= 1 + took, f"{reads} reads in {took:.1f} s")

    def check_scrape(self, server: Listener, up: int) -> bool:
        began = time.monotonic()
        reply = server.ask()
        self.assertLess(time.monotonic() - began, 3)  # 2, and a busy machine
        self.assertEqual(reply.status, 200)
        told = values(reply.body)
        if told["dlock_up"] == 0:
            self.assertEqual([*told], ["dlock_up"])
        return told["dlock_up"] == up

    def test_an_outage(self) -> None:
        server = Listener(self)
        wait_for(lambda: self.check_scrape(server, 1), "contact")
        self.server.break_off()
        wait_for(lambda: self.check_scrape(server, 0), "it to notice")
        self.assertTrue(self.check_scrape(server, 0))
        self.wait_until_said(server.process, "the locks cannot be read: ")
        self.server.mend()
        wait_for(lambda: self.check_scrape(server, 1), "contact again")
        self.wait_until_said(server.process, "the locks can be read again")

    def test_it_starts_during_an_outage(self) -> None:
        self.server.break_off()
        server = Listener(self)
        self.assertTrue(self.check_scrape(server, 0))
        self.server.mend()
        wait_for(lambda: self.check_scrape(server, 1), "contact")

    def test_once_during_an_outage(self) -> None:
        began = time.monotonic()
        result = self.run_to_end("--url", "mongodb://127.0.0.1:1", verb="metrics")
        self.assertLess(time.monotonic() - began, 3)  # 2, and a busy machine
        self.assertEqual((result.returncode, values(result.stdout.encode())), (125, {"dlock_up": 0}))
        self.assertRegex(result.stderr, r"\Adlock: [^\n]*127\.0\.0\.1:1[^\n]*\n\Z")

    def test_mistakes_in_the_options(self) -> None:
        for words in (("--db", "a/b"), ("--db", "a/b", "--listen", "127.0.0.1:0")):
            result = self.run_to_end(*words, verb="metrics")
            self.assertEqual((result.returncode, result.stdout), (125, ""))
            self.assertRegex(result.stderr, "db .*a/b")

    def test_contrib_and_the_page_name_metrics_that_there_are(self) -> None:
        self.assertEqual(self.run_to_end("free", "true").returncode, 0)
        printed = {name.partition("{")[0] for name in self.once("--label-locks")}
        page = (ROOT / "docs" / "monitoring.md").read_text()
        self.assertEqual(set(re.findall(r"^\| `(dlock_\w+)", page, re.MULTILINE)), printed)
        of_programs = set()
        for name, kind in re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram)", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE):
            of_programs |= {f"dlock_client_{name}{end}" for end in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))}
        self.assertGreater(len(of_programs), 10)
        rules = (ROOT / "contrib" / "prometheus" / "alerts.yml").read_text()
        expressions = re.findall(r"^ *expr: (.+)$", rules, re.MULTILINE)
        self.assertEqual(len(expressions), rules.count("- alert: "))
        board = json.loads((ROOT / "contrib" / "grafana" / "dashboard.json").read_text())
        of_the_board = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
        self.assertGreater(len(of_the_board), 20)
        for expression in expressions + of_the_board:
            used = set(re.findall(r"\bdlock_\w+", expression))
            self.assertTrue(used and used <= printed | of_programs, f"{used - printed - of_programs} in {expression}")


if __name__ == "__main__":
    main()
