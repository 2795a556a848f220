#!/usr/bin/python3
"""A chaos run whose clients have the role of docs/security.md, and a password. Under faults of many kinds the role suffices,
and the password is in nothing that the run leaves behind (logs of clients and servers, histories, the oplog), nor, while it
lasts, in any process's arguments."""

from __future__ import annotations

import os
import signal
import sys
import threading
import unittest
import uuid
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "chaos" / "harness"), str(ROOT / "scripts")]

import mongod  # noqa: E402
import roles  # noqa: E402
from evidence import scratch_folder  # noqa: E402
from find_secret import all_processes, find_secret  # noqa: E402
from main import OPLOG_MB, run_one  # noqa: E402
from plan import Plan  # noqa: E402
from processes import ENDING, end_on_signal  # noqa: E402
from proxied_set import ProxiedSet  # noqa: E402

BIN = Path(os.environ.get("DLOCK_CHAOS_BIN", ROOT / "build" / "bin")).absolute()
SECRET = f"s3cr3t/{uuid.uuid4().hex}:%@?"
FAULTS = ("primary-kill", "stepdown", "one-way-partition", "client-cut", "swallow-reply", "reset-mid-reply", "holder-killed",
          "notify-cursor-killed")


class RestrictedSet(ProxiedSet):
    """Its URL has no login: the workers have that from their environment."""

    def start(self) -> None:
        super().start()
        with self.connect() as root:
            user, _ = roles.make_user(root, roles.documented()["dlock"], SECRET)
        os.environ["DLOCK_CHAOS_LOGIN"] = f"{user}:{quote(SECRET, safe='')}"

    @property
    def url(self) -> str:
        return self._url("") + "&authSource=admin"


class Chaos(unittest.TestCase):
    def test_the_password_is_nowhere(self) -> None:
        over, seen = threading.Event(), []

        def look_out() -> None:
            while not over.wait(0.2):
                seen.extend(find_secret(None, SECRET, all_processes()))

        with scratch_folder("dlock-chaos-") as folder:
            plan = Plan(seconds=25, seed=11, faults=FAULTS, operation_timeout_ms=2000)
            lookout = threading.Thread(target=look_out)
            with RestrictedSet(bin=BIN, auth=True, election_timeout_ms=plan.election_timeout_ms, heartbeat_ms=400,
                               oplog_mb=OPLOG_MB) as rs:
                lookout.start()
                try:
                    verdict = run_one(plan, rs, folder)
                finally:
                    over.set()
                    lookout.join()
            self.assertEqual(seen, [])
            self.assertEqual(find_secret(folder, SECRET), [])
            logs = [path for path in (folder / "logs").iterdir() if path.stat().st_size]
            self.assertTrue(any(path.name.startswith("member") for path in logs), f"no member has a log: {logs}")
            self.assertTrue(any(path.name.startswith("w") for path in logs), f"no client said anything: {logs}")
            if verdict.wrong:
                self.fail(verdict.explain())
            self.assertGreater(verdict.figures.acquisitions, 100, "acquisitions")
            self.assertGreaterEqual(sum(verdict.injected.values()), 5, f"{verdict.injected}, not injected: {verdict.missed}")


if __name__ == "__main__":
    if mongod.find() is None:
        print("skipped: there is no mongod (the tests were given a server by DLOCK_TEST_URL)")
        sys.exit(77)
    for each in ENDING:
        signal.signal(each, end_on_signal)
    unittest.main(warnings="ignore")  # of files that the harness leaves to the garbage collector
