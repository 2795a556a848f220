#!/usr/bin/python3
"""The page of dlock serve in Chromium: browser.mjs looks, and asks for what shall happen here. Exit status 77: there is no browser,
or not npm's packages.

  test_page.py                   the test
  test_page.py --shots FOLDER    only pictures, of locks with telling names
"""

from __future__ import annotations

import datetime
import json
import os
import random
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "cli"), str(ROOT / "scripts")]

import harness  # noqa: E402
import node_modules  # noqa: E402
from harness import PATIENCE, Case, read_line, wait_for  # noqa: E402

LOCKS = 10_000
TOKEN = "a-token-of-nobody-else"
ODD = ["<script>document.title='hacked'</script>", "<img src=x onerror=alert(1)>", "\u202egnp.exe", "nul\0end", "\x1b[31mred", "a\nb",
       "zero\u200bwidth", "\u05d0\u05d1\u05d2 / \u0627\u0628\u062a", "'; rm -rf /", "\U0001f512 gr\u00fcn"]
FOLDER = ""  # of the pictures

Documents = list[dict[str, Any]]


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def seconds(n: float) -> datetime.timedelta:
    return datetime.timedelta(seconds=n)


class Page(Case):
    def setUp(self) -> None:
        super().setUp()
        self.database = self.server.client[self.server.db]
        self.channel = ["--notif_url", self.server.url.replace("/?", f"/{self.server.db}?")]

    def account(self) -> str:
        """Without the documents, which are many."""
        return "\n".join(process.account() for process in self.processes)

    def serve(self, *words: str, port: int = 0) -> tuple[subprocess.Popen[str], int]:
        process = self.start("--listen", f"127.0.0.1:{port}", *self.channel, *words, verb="serve")
        line = read_line(process.stderr)
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        assert found, line
        return process, int(found[1])

    def template(self) -> dict[str, Any]:
        """A lock as dlock writes it, held and waited for."""
        holder = self.hold_lock("--ttl", "1h", "template")
        self.wait_in_queue("--ttl", "1h", "template", "true")
        document = self.database.dlocks.find_one({"_id": "template"})
        self.end_job(holder)
        wait_for(lambda: not self.database.dlocks.find_one({"_id": "template"})["holders"], "it to be free")
        self.database.dlocks.delete_one({"_id": "template"})
        return document

    def document(self, name: str, who: str = "", held: float = 60, waiters: Documents | None = None, note: str = "", **more: Any) -> dict[str, Any]:
        """A document: held by `who` for so long, and waited for by `waiters`."""
        of = self.of
        document = {**of, "_id": name, "et": now() + seconds(3600), "fence": int(1e6 * now().timestamp()) - random.randrange(10**9), "waiters": waiters or []}
        document["holders"] = []
        if who:
            holder = {**of["holders"][0], "id": f"{name}/1", "who": who, "fence": document["fence"], "since": now() - seconds(held),
                      "until": now() + seconds(more.pop("left", 3000))}
            if note:
                holder["value"] = note
            document["holders"] = [holder | more]
        return document

    def waiter(self, who: str, since: float, note: str = "") -> dict[str, Any]:
        one = {**self.of["waiters"][0], "id": f"w-{random.random()}", "who": who, "since": now() - seconds(since), "until": now() + seconds(3600)}
        return {**one, "value": note} if note else one

    def browser(self, scenario: str, port: int) -> subprocess.Popen[str]:
        modules = node_modules.find("page")
        assert modules
        out = FOLDER or str(self.folder)
        environment = {**os.environ, "PAGE_MODULES": str(modules), "PAGE_OUT": out, "PAGE_URL": f"http://127.0.0.1:{port}/", "PAGE_TOKEN": TOKEN}
        return self.mortal("node", str(Path(__file__).with_name("browser.mjs")), scenario, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, env=environment)

    def play(self, browser: subprocess.Popen[str]) -> None:
        """Does what it asks for, until it ends."""
        assert browser.stdin
        while line := read_line(browser.stdout, 120):
            if not line.startswith("ask "):
                print(line, end="", flush=True)
                continue
            name, *words = line.split()[1:]
            answer = getattr(self, f"do_{name}")(*words)
            browser.stdin.write(json.dumps(answer) + "\n")
            browser.stdin.flush()
        self.assertEqual(browser.wait(PATIENCE), 0)

    # --- what it may ask for ----------------------------------------------------------------------------------------

    def do_change(self, number: str) -> str:
        """So many locks get another holder."""
        who = f"changed-{random.randrange(10**6)}"
        self.database.dlocks.update_many({"_id": {"$lt": f"lock-{int(number):05}", "$gte": "lock-"}}, {"$set": {"holders.0.who": who}})
        return who

    def do_hold(self, lock: str) -> None:
        self.jobs[lock] = self.hold_lock(*self.channel, lock)

    def do_release(self, lock: str) -> None:
        self.end_job(self.jobs.pop(lock))

    def do_outage(self) -> None:
        self.server.break_off()

    def do_mend(self) -> None:
        self.server.mend()

    def do_end(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)

    def do_start(self, *words: str) -> None:
        path = self.file("token")
        path.write_text(TOKEN)
        path.chmod(0o600)
        self.process, _ = self.serve(*(["--token-file", str(path)] if "token" in words else []), port=self.port)

    # --- the test ---------------------------------------------------------------------------------------------------

    def test_page(self) -> None:
        self.jobs: dict[str, subprocess.Popen[str]] = {}
        self.of = self.template()
        documents = [self.document(f"lock-{n:05}", f"host-{n % 97}:{1000 + n} job.sh", held=n % 5000) for n in range(LOCKS - len(ODD) - 4)]
        documents += [self.document(name, "somebody:1 \u202ecod.sh", note="<b>note</b>") for name in ODD]
        documents.append(self.document("stuck", "web1:1 stuck.sh", held=9000, waiters=[self.waiter("web2:2 wait.sh", 8000), self.waiter("web3:3 wait.sh", 10)]))
        documents.append(self.document("revoked", "web1:1 revoked.sh", revoked=True))
        documents.append(self.document("unowned", waiters=[self.waiter("web2:2 wait.sh", 8000)]))
        documents.append(self.document("crowd", "web1:1 slow.sh", waiters=[self.waiter(f"web{n}:2 wait.sh", 10) for n in range(1500)]))
        self.database.dlocks.insert_many(documents)
        self.process, self.port = self.serve()
        self.play(self.browser("test", self.port))

    # --- pictures ---------------------------------------------------------------------------------------------------

    def shots(self) -> None:
        """Not a test."""
        self.server.db = "dlocks"
        self.database = self.server.client.dlocks
        self.channel = ["--notif_url", self.server.url.replace("/?", "/dlocks?")]
        self.of = self.template()
        chance = random.Random(4)
        hosts = [f"{kind}{n}" for kind in ("web", "worker", "db", "batch") for n in (1, 2, 3)]

        def who(program: str) -> str:
            return f"{chance.choice(hosts)}:{chance.randrange(400, 32000)} {program}"

        plain = [("backup.postgres", "pg_dump.sh", "part 7 of 12"), ("billing.invoices.2026-11", "invoice", ""), ("cache.warm-up", "warm.py", ""),
                 ("catalog.reindex", "reindex", "shard 3 of 8"), ("certificates.renew", "certbot", ""), ("crm.sync", "sync.rb", "since 02:45"),
                 ("deploy.production", "deploy.sh", "release 4.18.2"), ("exports.customer-1182", "export", ""), ("feeds.currency-rates", "rates.py", ""),
                 ("feeds.weather", "fetch", ""), ("gdpr.erasure", "erase", "12 of 40 people"), ("images.thumbnails", "thumbs", ""),
                 ("inventory.count", "count.sh", ""), ("mail.digest", "digest", "en, de, fr"), ("metrics.rollup", "rollup", ""),
                 ("migrations.orders", "migrate", "step 3 of 5"), ("partitions.create", "cron.sh", ""), ("payments.settlement", "settle", "bank file 20261128"),
                 ("queue.dead-letters", "redrive", ""), ("reports.nightly", "report.sh", "chapter 4 of 9"), ("search.synonyms", "load", ""),
                 ("sessions.cleanup", "cleanup", ""), ("stock.reservations", "reserve", ""), ("tenants.provision", "provision", ""), ("webhooks.retry", "retry", "")]
        documents = [self.document(name, who(program), held=chance.choice([3, 8, 41, 95, 200, 700, 4000]), note=note, left=chance.randrange(9, 29),
                               waiters=[self.waiter(who(program), chance.randrange(1, 60)) for _ in range(chance.choice([0, 0, 0, 1, 2]))])
                     for name, program, note in plain]
        documents.append(self.document("scheduler.leader", "batch1:77 scheduler", held=50_000, note="http://batch1:8080", left=24))
        documents.append(self.document("ledger.close", "db2:4711 close-books", held=8100, note="waits for the bank", left=21, waiters=[
            self.waiter(f"web{n}:{810 + n} post-entry", 5000 - 1100 * n, "entry 99182" if n == 1 else "") for n in (1, 2, 3, 4)]))
        documents.append(self.document("loyalty.points", "worker2:3021 points.py", held=900, left=17, revoked=True))
        documents.append(self.document("emails.\u202egpj.send", who("mailer"), held=12, left=21))
        slots = self.document("api.partner", who("call"), held=4, left=26)
        slots |= {"cap": 8, "holders": [{**{k: v for k, v in slots["holders"][0].items() if k != "exclusive"}, "id": f"s{n}", "who": who("call"), "weight": 1} for n in range(5)]}
        documents.append(slots)
        self.database.dlocks.insert_many(documents)
        self.jobs = {}
        self.process, self.port = self.serve()
        self.tell_of("ledger.close", chance)
        self.play(self.browser("shots", self.port))

    def tell_of(self, lock: str, chance: random.Random) -> None:
        """Events of the last hours, as if dlock serve had heard them then."""
        channel = self.database.mongo_dlock_notif
        wait_for(lambda: "mongo_dlock_notif" in self.database.list_collection_names(), "the channel")

        def is_heard() -> bool:
            channel.insert_one({"event": "probe", "message": {"id": "probe", "locked": True, "token": int(1e6 * now().timestamp()), "who": "probe", "at": now()}})
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/lock?id=probe") as reply:
                return bool(json.load(reply)["grants"])

        wait_for(is_heard, "events to be heard")
        at = now() - seconds(7 * 3600)
        for n in range(70):
            held, waited = chance.lognormvariate(4.4, 0.8), chance.lognormvariate(2.5, 1.6)
            at += seconds(held + chance.expovariate(1 / 230))
            who = f"web{chance.randrange(1, 6)}:{800 + n} post-entry"
            token = int(1e6 * at.timestamp())
            for locked in (True, False):
                time = at if locked else at + seconds(held)
                message = {"id": lock, "locked": locked, "token": token, "who": who, "at": time, **({"waited": int(1000 * waited)} if locked else {"held": int(1000 * held)})}
                channel.insert_one({"event": lock, "message": message})


def main() -> None:
    global FOLDER
    if shutil.which("chromium") is None or shutil.which("node") is None or node_modules.find("page") is None:
        print("skipped: needs node, chromium and npm's packages (scripts/node_modules.py page --install)")
        sys.exit(77)
    if len(sys.argv) == 3 and sys.argv[1] == "--shots":
        FOLDER = sys.argv[2]
        Path(FOLDER).mkdir(parents=True, exist_ok=True)
        case = Page("shots")
        case.debug()
        return
    harness.main()


if __name__ == "__main__":
    main()
