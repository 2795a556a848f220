#!/usr/bin/python3
"""./run answers a word it does not know with one clear line and status 2, before it does anything."""

import os
import subprocess
import unittest
from pathlib import Path

RUN = str(Path(__file__).resolve().parents[2] / "run")


def run(*words: str, **more: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name not in ("DLOCK_TEST_URL", "DLOCK_MONGOD")}
    return subprocess.run([RUN, *words], env=environment | more, capture_output=True, text=True, check=False)


class Usage(unittest.TestCase):
    def test_unknown_words(self) -> None:
        for words in (["frobnicate"], ["--bad"], ["build", "x"], ["test", "--bad"], ["demo", "--bad"], ["bench", "x"],
                      ["bench", "--only"], ["bench", "--windows", "0"],
                      ["sanitize", "x"], ["model", "x"], ["simulate", "x"], ["simulate", "--seeds"],
                      ["simulate", "--threads", "0"], ["simulate", "--planted", "nothing"],
                      ["mutants", "x"], ["mutants", "--sample"], ["mutants", "--sample", "0"], ["mutants", "--jobs", "2x"], ["mutants", "--only"], ["stress", "x"], ["stress", "--times"], ["stress", "--burn", "all"],
                      ["stress", "--minutes", "-1"], ["stress", "-L"], ["stress", "-j", "0"], ["fuzz", "--seconds"],
                      ["fuzz", "--seconds", "all"], ["fuzz", "nothing"], ["fuzz", "urls", "../corpus"], ["fuzz", ""], ["planted", "nothing"], ["planted", "../planted/lifo"], ["server"], ["server", "restart"],
                      ["server", "start", "--nodes"],
                      ["server", "start", "--nodes", "0"], ["server", "start", "--nodes", "3", "x"],
                      ["test", "-L"], ["test", "--full", "x"], ["test", "-j", "0"], ["test", "--server"], ["test", "--server", "new"], ["demo", "--server", ""],
                      ["chaos", "--server", "4.4", "--server", "5.0"], ["build", "--server", "4.4"], ["server", "stop", "--server", "4.4"],
                      ["docs", "x"], ["package"], ["package", "buster"], ["package", "trixie", "--mirror"], ["portability"], ["portability", "buster"], ["portability", "trixie", "sid"], ["portability", "trixie", "--mirror"],
                      ["server", "start", "--bad"], ["server", "url", "x"], ["server", "stop", "--nodes", "1"]):
            with self.subTest(words):
                done = run(*words)
                self.assertEqual((2, ""), (done.returncode, done.stdout))
                self.assertRegex(done.stderr, r"\Arun: .*\(see \./run help\)\n\Z")

    def test_a_server_that_cannot_be_had(self) -> None:
        done = run("test", "--server", "7.0")
        self.assertEqual((2, ""), (done.returncode, done.stdout))
        self.assertRegex(done.stderr, r"\Amongod: there is no MongoDB '7.0' to download: there are 4\.4\.2, .*\n\Z")

    def test_a_server_is_named_once(self) -> None:
        for more in ({"DLOCK_MONGOD": "/bin/true"}, {"DLOCK_TEST_URL": "mongodb://127.0.0.1:1"}):
            with self.subTest(more):
                done = run("bench", "--server", "4.4", **more)
                self.assertEqual(2, done.returncode)
                self.assertRegex(done.stderr, r"\Arun: --server names a server, and so does .*\n\Z")

    def test_help(self) -> None:
        for words in ([], ["help"], ["--help"]):
            with self.subTest(words):
                done = run(*words)
                self.assertEqual((0, ""), (done.returncode, done.stderr))
                for verb in ("demo", "build", "test", "sanitize", "stress", "fuzz", "model", "simulate", "mutants", "chaos", "planted", "portability", "docs", "package", "bench", "server start"):
                    self.assertIn(f"\n  {verb} ", done.stdout)


if __name__ == "__main__":
    unittest.main()
