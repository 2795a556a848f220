#!/usr/bin/python3
"""./run answers a word it does not know with one clear line and status 2, before it does anything."""

import subprocess
import unittest
from pathlib import Path

RUN = str(Path(__file__).resolve().parents[2] / "run")


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([RUN, *words], capture_output=True, text=True, check=False)


class Usage(unittest.TestCase):
    def test_unknown_words(self) -> None:
        for words in (["frobnicate"], ["--bad"], ["build", "x"], ["test", "--bad"], ["demo", "--bad"], ["bench", "x"],
                      ["sanitize", "x"], ["model", "x"], ["server"], ["server", "restart"], ["server", "start", "--nodes"],
                      ["server", "start", "--nodes", "0"], ["server", "start", "--nodes", "3", "x"],
                      ["server", "start", "--bad"], ["server", "url", "x"], ["server", "stop", "--nodes", "1"]):
            with self.subTest(words):
                done = run(*words)
                self.assertEqual((2, ""), (done.returncode, done.stdout))
                self.assertRegex(done.stderr, r"\Arun: .*\(see \./run help\)\n\Z")

    def test_help(self) -> None:
        for words in ([], ["help"], ["--help"]):
            with self.subTest(words):
                done = run(*words)
                self.assertEqual((0, ""), (done.returncode, done.stderr))
                for verb in ("demo", "build", "test", "sanitize", "model", "bench", "server start"):
                    self.assertIn(f"\n  {verb} ", done.stdout)


if __name__ == "__main__":
    unittest.main()
