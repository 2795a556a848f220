#!/usr/bin/python3
"""Completion in the shells themselves, as somebody who presses Tab sees it; and the manual pages beside the help."""

import os
import re
import shutil
import subprocess
import time
import unittest
from pathlib import Path

from harness import DLOCK, Case, Terminal, main, wait_for

BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")
needs_bash = unittest.skipUnless(BASH_COMPLETION.exists(), "needs the package bash-completion")
needs_zsh = unittest.skipUnless(shutil.which("zsh"), "needs zsh")
needs_fish = unittest.skipUnless(shutil.which("fish"), "needs fish")
MANUAL = Path(DLOCK).parents[1] / "man"
VERBS = ("run", "hold", "elect", "watch", "ls", "show", "serve", "metrics", "release", "note", "resize", "doctor", "completion")


class Completion(Case):
    def setUp(self) -> None:
        super().setUp()
        self.environment |= {"PATH": f"{Path(DLOCK).parent}:{os.environ['PATH']}", "DLOCK_DB": self.server.db, "HOME": str(self.folder),
                             "DLOCK_COMPLETION_TIMEOUT": "20s"}  # the machine may be busy

    def words(self, *line: str) -> list[str]:
        """What dlock tells a shell, and nothing on stderr, whatever is wrong."""
        result = subprocess.run([DLOCK, "completion", "words", "--", *line], capture_output=True, text=True, timeout=60, env=self.environment)
        self.assertEqual((result.returncode, result.stderr), (0, ""), line)
        return result.stdout.splitlines()

    def make_locks(self) -> None:
        for lock in ("nightly-report", "nightly-backup", "a:b=c", "two words"):
            self.assertEqual(self.run_to_end(lock, "true").returncode, 0)

    def shell(self, *command: str) -> Terminal:
        terminal = Terminal(self, *command)
        terminal.type("echo rea''dy\n", "ready\r?\n")
        return terminal

    def check(self, terminal: Terminal, typed: str, seen: str) -> None:
        """The line that `typed` and Tab make matches `seen`. Then the line is deleted."""
        terminal.type(typed + "\t", seen)
        terminal.type("\x15")

    def check_all(self, terminal: Terminal) -> None:
        for typed, seen in (("dlock sh", "dlock show "), ("dlock run --conf", "--conflict-exit-code "), ("dlock ls --js", "--json "),
                            ("dlock show nightly-r", "nightly-report "), ("dlock show a:", r"a\\?:b\\?=c "),
                            ("dlock run --id nightly-b", "--id nightly-backup "), ("dlock show two", r"two\\ words "),
                            ("dlock run x -- sh -c true --url-fi", r"--url-fi"), ("dlock completion fi", "completion fish "),
                            (f"dlock ls --url-file {self.folder}/some-f", "some-file ")):
            self.check(terminal, typed, seen)

    @needs_bash
    def test_bash(self) -> None:
        self.make_locks()
        self.file("some-file").touch()
        self.file("rc").write_text(f"source {BASH_COMPLETION}\nsource <(dlock completion bash)\nbind 'set enable-bracketed-paste off'\n")
        self.check_all(self.shell("bash", "--noprofile", "--rcfile", str(self.file("rc")), "-i"))

    @needs_zsh
    def test_zsh(self) -> None:
        self.make_locks()
        self.file("some-file").touch()
        self.file(".zshrc").write_text("autoload -Uz compinit && compinit -u -D\nsource <(dlock completion zsh)\n")
        self.check_all(self.shell("zsh", "-i"))

    @needs_fish
    def test_fish(self) -> None:
        self.make_locks()
        self.file("some-file").touch()
        self.file("dlock.fish").write_text(subprocess.run([DLOCK, "completion", "fish"], capture_output=True, text=True, check=True).stdout)
        for typed, seen in (("dlock sh", "show"), ("dlock run --conf", "--conflict-exit-code"), ("dlock show nightly-r", "nightly-report"),
                            ("dlock run --id=nightly-b", "--id=nightly-backup"), ("dlock show two", "two words"), ("dlock show a:", "a:b=c"),
                            ("dlock run x -- dlock show nightly-r", "nightly-report"), ("dlock ls --url-file some-f", "some-file")):
            result = subprocess.run(["fish", "--no-config", "-c", f"source dlock.fish; complete -C '{typed}'"], capture_output=True, text=True,
                                    timeout=60, env=self.environment, cwd=self.folder)
            self.assertEqual([line.split("\t")[0] for line in result.stdout.splitlines()], [seen], (typed, result.stderr))

    def test_lock_ids_come_soon(self) -> None:
        self.make_locks()
        ids = ["nightly-backup\t", "nightly-report\t"]
        self.assertEqual(self.words("show", "nightly"), ids)
        del self.environment["DLOCK_COMPLETION_TIMEOUT"]
        wait_for(lambda: self.timed("show", "nightly") == (ids, True), "the ids within half a second")

    def test_silence_when_the_server_is_away(self) -> None:
        self.make_locks()
        self.environment["DLOCK_COMPLETION_TIMEOUT"] = "2s"
        self.server.break_off()
        self.assertEqual(self.words("show", "nightly"), [])
        self.assertEqual(self.words("show", "--url", "nonsense", "nightly"), [])
        self.assertEqual(self.words("show", "--db", "", "nightly"), [])
        del self.environment["DLOCK_COMPLETION_TIMEOUT"]
        wait_for(lambda: self.timed("show", "nightly") == ([], True), "silence within half a second")

    def timed(self, *line: str) -> tuple[list[str], bool]:
        """The words, and whether they came within half a second."""
        began = time.monotonic()
        words = self.words(*line)
        return words, time.monotonic() - began < 0.5

    @unittest.skipUnless(MANUAL.exists(), "needs scdoc, when dlock is built")
    def test_help_pages_and_completions_have_the_same_options(self) -> None:
        for verb in VERBS:
            text = subprocess.run([DLOCK, verb, "--help"], capture_output=True, text=True, check=True).stdout
            of_help = set(re.findall(r"(?m)^  +(?:-\w, )?(--[\w-]+)", text))
            page = (MANUAL / f"dlock-{verb}.1").read_text().replace("\\-", "-").replace("\\&", "")
            of_page = set(re.findall(r"(?m)^(?:\\fB-\w\\fR, )?\\fB(--[\w-]+)", page))
            offered = {word.split("\t")[0] for word in self.words(verb, "--")}
            self.assertTrue(of_help)
            self.assertEqual((of_page, offered), (of_help, of_help), verb)
        main_page = (MANUAL / "dlock.1").read_text()
        for name in ("DLOCK_URL", "DLOCK_DB", "DLOCK_COLL", "DLOCK_TTL"):
            self.assertIn(name, main_page)


if __name__ == "__main__":
    main()
