#!/usr/bin/python3
"""Whatever ends ./run chaos: of all the processes that it started, none is left."""

import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import mongod  # noqa: E402
from evidence import scratch_folder  # noqa: E402
from private_set import wait_for  # noqa: E402
from processes import is_running  # noqa: E402

BIN = Path(os.environ.get("DLOCK_CHAOS_BIN", ROOT / "build" / "bin")).absolute()


def descendants(pid: int) -> dict[int, str]:
    """Processes, with their names."""
    found: dict[int, str] = {}
    for child in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = child.read_text().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        if int(rest.split()[1]) == pid:
            found[int(child.parent.name)] = name
            found |= descendants(int(child.parent.name))
    return found


class Leftovers(unittest.TestCase):
    def test_nothing_is_left(self) -> None:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signum.name), scratch_folder() as keep:
                output = self.enterContext((keep / "output.txt").open("w"))
                chaos = subprocess.Popen([sys.executable, "-B", str(ROOT / "chaos" / "harness" / "main.py"), "--bin", str(BIN),
                                          "--seconds", "60", "--seed", "1", "--faults", "secondary-frozen", "--keep", str(keep)],
                                         stdout=output, stderr=output)
                self.addCleanup(chaos.wait)
                self.addCleanup(chaos.kill)

                def all_work() -> bool:
                    self.assertIsNone(chaos.poll(), (keep / "output.txt").read_text())
                    names = list(descendants(chaos.pid).values())
                    return [names.count(name) for name in ("mongod", "chaos-worker", "chaos-resource", "chaos-proxy")] == [3, 5, 1, 1]

                wait_for(all_work, "all processes")
                started = descendants(chaos.pid)
                chaos.send_signal(signum)
                chaos.wait(60)
                wait_for(lambda: not any(is_running(pid) for pid in started), f"the end of all of {started}", 20)


if __name__ == "__main__":
    if mongod.find() is None:
        sys.exit(77)
    unittest.main()
