#!/usr/bin/python3
"""What Prometheus' own tool says of the metrics and of the alerts."""

import os
import shutil
import subprocess
from pathlib import Path

from harness import PATIENCE, Case, main

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dlock" / "promtool" / "usr" / "bin"
PROMTOOL = shutil.which("promtool") or shutil.which("promtool", path=str(CACHE))  # need_promtool of scripts/install.sh
RULES = Path(__file__).resolve().parents[2] / "contrib" / "prometheus"


class Promtool(Case):
    def check(self, *words: str, text: str = "") -> str:
        if not PROMTOOL:
            self.skipTest("needs promtool, of the package prometheus")
        result = subprocess.run([PROMTOOL, *words], input=text, capture_output=True, text=True, timeout=PATIENCE, cwd=RULES, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def test_metrics(self) -> None:
        self.hold_lock("a")
        for words in ((), ("--label-locks",), ("--url", "mongodb://127.0.0.1:1")):
            text = self.run_to_end(*words, verb="metrics").stdout
            self.assertIn("dlock_up", text)
            self.assertEqual(self.check("check", "metrics", text=text), "", words)

    def test_alerts(self) -> None:
        self.assertRegex(self.check("check", "rules", "alerts.yml"), r"SUCCESS: \d+ rules found")
        self.assertIn("SUCCESS", self.check("test", "rules", "alerts_test.yml"))


if __name__ == "__main__":
    main()
