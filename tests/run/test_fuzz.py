#!/usr/bin/python3
"""scripts/fuzz.py keeps and names what a target found, goes on with the others, and ends in time. libFuzzer is played by scripts."""

import subprocess
import tempfile
import unittest
from pathlib import Path

FUZZ = str(Path(__file__).resolve().parents[2] / "scripts" / "fuzz.py")

GOOD = 'echo "$@" >"$0.words"; echo stat::number_of_executed_units: 17 >&2'
BAD = """for word; do case $word in -artifact_prefix=*) prefix=${word#*=} ;; esac; done
seq 100; echo 'not so: a lock has a token' >&2; echo rest >&2
echo x >"${prefix}crash-1"; echo "artifact_prefix='...'; Test unit written to ${prefix}crash-1"; exit 77"""


class Fuzz(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = Path(folder.name)
        (self.build / "bin").mkdir()

    def target(self, name: str, script: str) -> Path:
        path = self.build / "bin" / f"fuzz_{name}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def fuzz(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run([FUZZ, *words], capture_output=True, text=True, check=False)

    def test_nothing_found(self) -> None:
        path = self.target("urls", GOOD)
        done = self.fuzz("--seconds", "7", str(self.build), "urls")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertEqual(f"==> urls: 7 s\n    urls: tried 17 inputs and found nothing; 0 more are in {self.build}/fuzz/urls/inputs\n"
                         "1 passed, 0 failed\n", done.stdout)
        words = Path(f"{path}.words").read_text().split()
        self.assertIn("-max_total_time=7", words)
        self.assertTrue(words[-1].endswith("/tests/fuzz/corpus/urls"), words)
        self.assertEqual(f"{self.build}/fuzz/urls/inputs", words[-2], "new inputs go into the build folder")

    def test_a_finding_is_kept_and_named_and_the_others_run(self) -> None:
        bad = self.target("urls", BAD)
        self.target("texts", GOOD)
        done = self.fuzz(str(self.build), "urls", "texts")
        self.assertEqual(1, done.returncode, done)
        finding = self.build / "fuzz" / "urls" / "findings" / "crash-1"
        self.assertTrue(finding.exists())
        self.assertIn(f"\nnot so: a lock has a token\nrest\nartifact_prefix='...'; Test unit written to {finding}\n    urls: FOUND {finding}; to repeat it: {bad} {finding}\n"
                      f"    urls: failed, with status 77; {self.build}/fuzz/urls/log has all it said\n==> texts", done.stdout)
        self.assertNotIn("\n99\n", done.stdout)
        self.assertTrue(done.stdout.endswith("\n1 passed, 1 failed\n"), done.stdout)

    def test_one_that_dies_without_a_finding_has_failed(self) -> None:
        for script in ("exit 1", "exit 0", "kill -KILL $$"):
            with self.subTest(script):
                self.target("urls", script)
                done = self.fuzz(str(self.build), "urls")
                self.assertEqual(1, done.returncode, done)
                self.assertNotIn("FOUND", done.stdout)
                self.assertTrue(done.stdout.endswith("\n0 passed, 1 failed\n"), done.stdout)


if __name__ == "__main__":
    unittest.main()
