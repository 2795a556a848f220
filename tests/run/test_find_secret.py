#!/usr/bin/python3
"""scripts/find_secret.py finds what is there, in whatever form, and nothing else."""

import base64
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock
from urllib.parse import quote

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from evidence import scratch_folder  # noqa: E402
from find_secret import all_processes, find_secret  # noqa: E402

SECRET = 'Op3n/S"same@%'


class FindSecret(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = self.enterContext(scratch_folder())

    def sleeper(self, *words: str, **options) -> int:
        """Ends when its standard input does."""
        process = subprocess.Popen(["/bin/sh", "-c", "read line", *words], stdin=subprocess.PIPE, **options)
        self.addCleanup(process.communicate)
        return process.pid

    def test_in_files(self) -> None:
        (self.folder / "deep").mkdir()
        (self.folder / "empty").touch()
        for text in (SECRET, quote(SECRET, safe=""), quote(SECRET, safe="").lower(), 'Op3n/S\\"same@%', 'Op3n\\/S\\"same@%',
                     base64.b64encode(SECRET.encode()).decode(), SECRET.lower()):
            (self.folder / "deep" / "log").write_bytes(b"\0\xff" * 5000 + text.encode() + b"\xff")
            self.assertEqual(find_secret(self.folder, SECRET), [f"{self.folder}/deep/log: at byte 10000"], text)
        (self.folder / "deep" / "log").write_text(SECRET[1:] + SECRET[:-1])
        self.assertEqual(find_secret(self.folder, SECRET), [])

    def test_in_processes(self) -> None:
        by_name, in_environment, clean = self.sleeper("x" + SECRET), self.sleeper(env={"A": SECRET}), self.sleeper()
        pids = (by_name, in_environment, clean)
        self.assertEqual(find_secret(None, SECRET, pids), [f"/proc/{by_name}/cmdline"])
        self.assertEqual(find_secret(None, SECRET, pids, environment=True),
                         [f"/proc/{by_name}/cmdline", f"/proc/{in_environment}/environ"])
        self.assertLessEqual(set(pids), set(all_processes()))
        self.assertEqual(find_secret(None, SECRET, [2**22 + 1]), [])  # no such process

    def test_in_memory(self) -> None:
        program = "import sys; kept = sys.stdin.readline(); print(flush=True); sys.stdin.readline()"
        for text, found in ((SECRET, True), (SECRET[::-1], False)):
            process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.addCleanup(process.communicate)
            assert process.stdin and process.stdout
            process.stdin.write(text + "\n")
            process.stdin.flush()
            process.stdout.readline()
            with mock.patch("find_secret.CHUNK", 4096 + 7):  # pieces that begin anywhere
                places = find_secret(None, SECRET, [process.pid], memory=True)
            self.assertEqual(bool(places), found, places)
            self.assertTrue(all(place.startswith(f"/proc/{process.pid}/mem: in ") for place in places), places)

    def test_what_would_find_nothing_or_everything_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            find_secret(self.folder, "")

    def test_by_hand(self) -> None:
        def run(*words: str, secret: str = SECRET) -> tuple[int, str]:
            done = subprocess.run([SCRIPTS / "find_secret.py", *words], input=secret, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout
        self.assertEqual(run("--folder", str(self.folder)), (0, ""))
        (self.folder / "log").write_text(SECRET)
        self.assertEqual(run("--folder", str(self.folder)), (1, f"{self.folder}/log: at byte 0\n"))
        pid = self.sleeper(SECRET)
        self.assertEqual(run("--pid", str(pid)), (1, f"/proc/{pid}/cmdline\n"))
        self.assertIn(f"/proc/{pid}/cmdline\n", run("--all")[1])
        self.assertEqual(run("--folder", "/no/such")[0], 2)
        self.assertEqual(run("--all", secret="")[0], 2)


if __name__ == "__main__":
    unittest.main()
