#!/usr/bin/python3
"""The transcripts of README.md and docs/*.md: their commands are run, and what they print must look as it is printed there."""

from __future__ import annotations

import re
import subprocess

from harness import PATIENCE, Terminal, main, read_line, wait_for
from pages import ROOT, PageCase, transcripts

NAMES = r"web\d:\d+ [a-z]+\.sh"  # holders and waiters of the transcripts
VARIABLE = ((r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"), (r"\b\d{16}\b", "TOKEN"), (r"\b(\d+(\.\d+)? ?m?s|\d+m(\d+s)?)\b", "SPAN"),
            (r" +", " "), (r" +$", ""))


def form(text: str) -> str:
    """Without what differs each time: times, tokens, spans, names, and the width of columns."""
    for pattern, name in ((NAMES, "NAME"), (r"[\w.-]+:\d+ (sh|true|[a-z]+\.sh)\b", "NAME"), *VARIABLE):
        text = re.sub(pattern, name, text, flags=re.M)
    return text


class Transcripts(PageCase):
    def setUp(self) -> None:
        super().setUp()
        self.left: dict[str, str] = {}

    def take(self, page: str, begin: str) -> tuple[str, str]:
        """The only command that begins so, and the form of what it prints."""
        self.left = self.left or {command: text for command, text in transcripts(page).items() if command.startswith("dlock ")}
        [found] = [command for command in self.left if command.startswith(begin)]
        return found, form(self.left.pop(found))

    def queue(self, *words: str) -> subprocess.Popen[str]:
        return self.wait_in_queue(*words, "true")

    def test_readme(self) -> None:
        for name in ("report", "deploy", "read", "call", "move"):
            self.script(f'#!/bin/sh\necho {name} >>ran\n', f"{name}.sh")
        self.script("#!/bin/sh\necho leads >ran\nexec sleep 600\n", "scheduler")
        for begin, program in (("dlock run nightly", "report"), ("dlock run -n nightly", "report"), ("dlock run -s", "read"),
                               ("dlock run --permits", "call"), ("dlock run --id", "move")):
            command, printed = self.take("README.md", begin)
            self.assertEqual((self.works(command), self.file("ran").read_text(), printed), ("", f"{program}\n", ""), command)
            self.file("ran").unlink()
        command, printed = self.take("README.md", "dlock run -v deploy")
        holder = self.hold_lock("--ttl", "30s", "deploy")
        waits = self.mortal("sh", "-c", command, env=self.environment, cwd=self.folder, stderr=subprocess.PIPE, text=True)
        assert waits.stderr
        while "no contact" in (line := read_line(waits.stderr)):
            pass
        self.end_job(holder)
        self.assertEqual(form(line + waits.communicate(timeout=PATIENCE)[1]), printed)
        command, printed = self.take("README.md", "dlock elect")
        self.file("ran").unlink()
        leads = self.mortal("sh", "-c", f"exec {command}", env=self.environment, cwd=self.folder)
        self.wait_for_file("ran")
        self.assertIn("scheduler", self.works(self.take("README.md", "dlock ls")[0]))
        self.assertEqual(self.works(self.take("README.md", "dlock hold")[0]), "")
        self.end_job(leads)
        examined = self.shell(self.take("README.md", "dlock doctor")[0])
        self.assertEqual((examined.returncode in (0, 1), examined.stderr), (True, ""))
        self.assertEqual(self.left, {}, "commands that no test runs")

    def test_inspect(self) -> None:
        for take in ("1", "2", "2"):
            self.hold_lock("--ttl", "30s", "--permits", "8", "--take", take, "api-calls")
        holder = self.hold_lock("--ttl", "30s", "nightly-report")
        for _ in range(2):
            self.queue("nightly-report")
        for begin in ("dlock ls", "dlock show"):
            command, printed = self.take("docs/inspect.md", begin)
            self.assertEqual(form(self.works(command)), printed)
        self.queue("--permits", "8", "--take", "4", "api-calls")
        command, printed = self.take("docs/inspect.md", "dlock resize")
        self.assertEqual(form(self.works(command)), printed)
        command, printed = self.take("docs/inspect.md", "dlock release")
        terminal = Terminal(self, "sh", "-c", command)
        terminal.expect(r"\[y/N\] ")
        terminal.type("y\n", r"took [^\n]*\n")
        self.assertEqual(form(terminal.output.replace("\r\n", "\n")), printed)
        self.assertEqual(holder.wait(PATIENCE), 123)
        self.assertEqual(self.left, {}, "commands that no test runs")

    def test_doctor(self) -> None:
        """What is found depends on the server: the checks are those of the page, in its order."""
        def checks(lines: list[str]) -> list[str]:
            return [*dict.fromkeys(line.split()[1] for line in lines)]

        printed = transcripts("docs/doctor.md")["dlock doctor"].splitlines()
        self.assertEqual(printed[-2], "...")
        seen = self.shell("dlock doctor").stdout.splitlines()
        self.assertEqual(checks(printed[:-2]), checks(seen[:-1])[:len(printed) - 2])
        self.assertRegex(printed[-1] + "\n" + seen[-1], r"\A(\d+ findings?, \d+ hints?(\n|\Z)){2}")
        table = re.findall(r"^\| `([\w-]+)` \|.*\|$", (ROOT / "docs/doctor.md").read_text(), re.M)
        self.assertEqual(table[:table.index("canary")], checks(seen[:-1]))

    def test_watch(self) -> None:
        command, printed = self.take("docs/watch.md", "dlock watch")
        watch = self.mortal("sh", "-c", f"exec {command} -v", env=self.environment, cwd=self.folder, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.wait_until_said(watch, "watching")
        holder = self.hold_lock("nightly-report")
        assert watch.stdout
        # Other tests have a lock of this name, too, and their events come here.
        line = wait_for(lambda: next((line for line in [read_line(watch.stdout)] if " nightly-report " in line), None), "an event")
        self.assertIn(form(line), [line + "\n" for line in printed.splitlines()])
        self.end_job(holder)


if __name__ == "__main__":
    main()
