#!/usr/bin/python3
"""The units of contrib/systemd: systemd-analyze has nothing to say, and dlock takes their words."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from words import CONTRIB, DLOCK, accepted, parse_seconds, value_of

UNITS = sorted((CONTRIB / "systemd").iterdir())
ANALYZE = shutil.which("systemd-analyze")


def values(unit: Path, key: str) -> list[str]:
    return re.findall(rf"(?m)^{key}=(.*)$", unit.read_text())


class Units(unittest.TestCase):
    @unittest.skipUnless(ANALYZE, "no systemd-analyze")
    def test_verify(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for unit in UNITS:  # the programs need not be installed here
                text = unit.read_text().replace("/usr/bin/dlock", DLOCK).replace("/usr/local/bin/", "/usr/bin/env ")
                (Path(folder) / unit.name).write_text(text)
            result = subprocess.run([str(ANALYZE), "verify", "--man=no", *(f"{folder}/{unit.name}" for unit in UNITS)],
                                    capture_output=True, text=True, check=False)
            of_ours = [line for line in result.stderr.splitlines() if any(unit.name in line or unit.stem in line for unit in UNITS)]
            self.assertEqual((result.returncode, of_ours), (0, []), result.stderr)

    @unittest.skipUnless(ANALYZE, "no systemd-analyze")
    def test_verify_finds_a_mistake(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            bad = Path(folder) / "bad.service"
            bad.write_text("[Service]\nExecStart=/no/such/program\nLoadCredentials=url:/etc/dlock/url\n")
            result = subprocess.run([str(ANALYZE), "verify", "--man=no", str(bad)], capture_output=True, text=True, check=False)
            self.assertIn("LoadCredentials", result.stderr)

    def test_commands(self) -> None:
        services = [unit for unit in UNITS if unit.suffix == ".service"]
        self.assertEqual(len(services), 2)
        for unit in services:
            [command] = values(unit, "ExecStart")
            words = shlex.split(command.replace("%d", "/run/credentials/x").replace("%H", "host"))
            accepted(self, words)
            self.assertEqual(value_of(words, "--url-file"), "/run/credentials/x/url")
            self.assertEqual(values(unit, "LoadCredential"), ["url:/etc/dlock/url"])
            [stop] = values(unit, "TimeoutStopSec")
            self.assertGreater(int(stop), parse_seconds(value_of(words, "--kill-after")) + 5)
            self.assertEqual(values(unit, "KillMode"), ["mixed"])

    def test_the_timer_starts_its_service(self) -> None:
        for unit in UNITS:
            if unit.suffix == ".timer":
                self.assertTrue(unit.with_suffix(".service").exists())


if __name__ == "__main__":
    result = unittest.main(verbosity=2, exit=False).result
    if result.wasSuccessful() and not ANALYZE:
        print("THE UNITS WERE NOT VERIFIED: there is no systemd-analyze (package systemd)")
        sys.exit(77)
    sys.exit(not result.wasSuccessful())
