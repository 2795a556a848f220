#!/usr/bin/python3
"""The recipes of docs/*.md, as they are printed there: each one is run, and a new one has no test until it has one here."""

from __future__ import annotations

import re
import subprocess
import time

from harness import PATIENCE, has_output, main, wait_for
from pages import PageCase, blocks


def scripts(page: str) -> list[str]:
    """Its sh blocks that are whole scripts."""
    return [block for block in blocks(f"docs/{page}", "sh") if block.startswith("#!")]


def recipes(page: str) -> list[str]:
    """The commands of its other sh blocks, without comments; what continues a line belongs to it."""
    lines = "\n".join(block for block in blocks(f"docs/{page}", "sh") if not block.startswith("#!")).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


class Recipes(PageCase):
    def setUp(self) -> None:
        super().setUp()
        self.used: set[str] = set()

    def recipe(self, page: str, part: str) -> str:
        """The only one on that page that contains `part`, with the programs and files of this case."""
        [found] = [line for line in recipes(page) if part in line]
        self.used.add(found)
        found = re.sub(r"^[0-9*/]+( [0-9*]+){4} +|^\*/5 \* \* \* \* +", "", found)  # cron's
        found = re.sub(r"DLOCK_URL=\S+ ", "", found)
        found = found.replace("/usr/local/bin/", "./").replace("/etc/", "./")
        for name in re.findall(r"\./([a-z-]+(?:\.sh)?)(?=['\"]|\s|$)", found):
            self.script(f'#!/bin/sh\necho "{name} $* $DLOCK_TOKEN" >>ran\n', name)
        return found

    def ran(self) -> str:
        text = self.file("ran").read_text() if self.file("ran").exists() else ""
        self.file("ran").unlink(missing_ok=True)
        return text

    def all_were_used(self, page: str) -> None:
        self.assertEqual(sorted(set(recipes(page)) - self.used), [], f"recipes of {page} that no test runs")

    def test_run(self) -> None:
        self.script('#!/bin/sh\necho "psql $*" >>ran\n', "bin/psql")
        self.file("dlock.url").write_text(self.environment["DLOCK_URL"])
        (self.folder / "etc").mkdir()
        for part, program in (("cleanup", "cleanup"), ("nightly", "nightly"), ("-s rates", "report.sh"), ("-x rates", "import.sh"),
                              ("./call.sh", "call.sh"), ("./bulk.sh", "bulk.sh"), ("-- ./move.sh", "move.sh"), ("deploy", "deploy.sh"),
                              ("backup", "backup.sh"), ("ledger -c", "psql"), ("billing", "billing"), ("sync.sh", "sync.sh")):
            command = self.recipe("run.md", part)
            if program == "deploy.sh":
                self.assertRegex(self.shell(command).stderr, r"\Adlock: got 'deploy' after ")
            else:
                self.works(command)
            self.assertRegex(self.ran(), rf"\A{re.escape(program)} [^\n]*\n\Z", command)
        self.assertEqual(self.works(self.recipe("run.md", "nightly")), "", "kept: the second one does nothing, and succeeds")
        self.assertEqual(self.ran(), "")
        self.assertEqual(self.works(self.recipe("run.md", "billing")), "", "it was done: the second one does nothing, and succeeds")
        self.assertEqual(self.ran(), "")
        self.works(self.recipe("run.md", "--accounts-token"))
        self.assertRegex(self.ran(), r"\Amove.sh --accounts-token \d+ --ledger-token \d+ ")
        self.all_were_used("run.md")

    def whole(self, text: str, *words: str) -> subprocess.CompletedProcess[str]:
        self.script(text, "whole")
        return subprocess.run(["./whole", *words], env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def test_hold(self) -> None:
        for part, beside in (("hold deploy ||", ""), ("-n deploy", ""), ("token=$(", 'echo "$token"'), ("--end deploy", "")):
            line = self.recipe("hold.md", part)
            before = "dlock hold deploy || exit\n" if "--end" in line else ""
            holders = "0" if "--end" in line else "1"
            result = self.whole(f"#!/bin/sh\n{before}{line}\ndlock show --json deploy | jq '.holders | length'\n{beside}\nexit 9\n")
            self.assertEqual((result.returncode, result.stderr, result.stdout.split()[0]), (9, "", holders), line)
            self.assertEqual(len(result.stdout.split()), 2 if beside else 1)
        holder = self.hold_lock("deploy")
        self.assertEqual(self.whole(f"#!/bin/sh\n{self.recipe('hold.md', '-n deploy')}\necho no\n").returncode, 124)
        self.end_job(holder)

        again = self.recipe("hold.md", '"$0" "$@"')
        result = self.whole(f"#!/bin/sh\n{again}\necho \"$DLOCK_ID $1 $#\"\n", "a b")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "nightly a b 1\n", ""))
        self.all_were_used("hold.md")

    def test_hold_in_scripts(self) -> None:
        backup, deploy, report = scripts("hold.md")
        (self.folder / "data").mkdir()
        self.file("rates.txt").write_text("b\na\na\n")
        for text, words, out in ((backup, (), ""), (deploy, ("7",), None), (report, (), "")):
            result = self.whole(text, *words)
            self.assertEqual((result.returncode, result.stderr), (0, ""), text)
            if out is not None:
                self.assertEqual(result.stdout, out)
        self.assertTrue(self.file("backup.tar").exists())
        self.assertRegex(self.file("deployed").read_text(), r"\Aweb1 gets version 7, token (\d+)\nweb2 gets version 7, token \1\n\Z")
        self.assertEqual(self.file("report.txt").read_text().split(), ["2", "a", "1", "b"])
        self.file("backup.tar").unlink()
        holder = self.hold_lock("backup")
        self.assertEqual(self.whole(backup).returncode, 0)
        self.assertFalse(self.file("backup.tar").exists())
        self.end_job(holder)
        self.environment["DLOCK_URL"] = "nonsense"
        self.assertEqual(self.whole(backup).returncode, 125)

    def test_inspect(self) -> None:
        stuck = self.recipe("inspect.md", "any(.holders[]")
        free = self.recipe("inspect.md", "show --json deploy")
        self.assertEqual(self.shell(free).stdout, "true\n", "it does not exist")
        holder = self.hold_lock("deploy")
        self.assertEqual((self.shell(free).returncode, self.works(stuck)), (1, ""))
        self.assertEqual(self.works(stuck.replace("1 hour ago", "1 hour")), "deploy\n")
        self.end_job(holder)
        self.assertEqual(self.works(free), "true\n", "released")
        process = self.hold_lock("--ttl", "3s", "deploy")
        process.kill()
        wait_for(lambda: self.shell(free).returncode == 0, "a dead holder's lock to be free")
        self.all_were_used("inspect.md")

    def test_doctor(self) -> None:
        self.server.client[self.server.db].dlocks.insert_one({"_id": "shop", "price": 5})
        printed = self.works(self.recipe("doctor.md", "dlock doctor"))
        self.assertIn('foreign: 1 document is no lock: "shop"\n', printed)
        self.all_were_used("doctor.md")

    def test_watch(self) -> None:
        """It ends with the first one, not with the event that comes after that."""
        command = self.recipe("watch.md", "build deploy").replace("dlock watch", "dlock watch -v")
        jobs = [self.hold_lock(name) for name in ("build", "deploy")]
        process = subprocess.Popen(["sh", "-c", command], env=self.environment, cwd=self.folder, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(self._end, process)
        assert process.stdout
        self.wait_until_said(process, "dlock: watching\n")
        self.end_job(jobs[1])
        # An event is a hint: a process that ends hands it over within a moment or not at all. Then there is another job.
        wait_for(lambda: has_output(process.stdout, 5) or self.end_job(self.hold_lock("deploy")), "an event")
        began = time.monotonic()
        self.assertEqual(process.communicate(timeout=PATIENCE)[0], "deploy\n")
        self.assertLess(time.monotonic() - began, 8)
        self.assertEqual(process.returncode, 0)
        self.all_were_used("watch.md")

    def test_elect(self) -> None:
        where, away = self.recipe("elect.md", "show --json"), self.recipe("elect.md", "release --force")
        leader = self.start("--once", "--value", "here:80", "scheduler", "sh", "-c", "echo yes >leads; exec sleep 600", verb="elect")
        self.wait_for_file("leads")
        self.assertEqual(self.works(where), "here:80\n")
        self.assertIn("took 'scheduler' off", self.works(away))
        self.assertEqual(leader.wait(PATIENCE), 123)
        self.all_were_used("elect.md")


if __name__ == "__main__":
    main()
