"""Runs the checkers over a run's folder. Each answers with exit status 0 (fine), 1 (a rule was broken) or 2 (this cannot
be judged), a line for each check, and DIR/<name>.json."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1] / "check"
TIMEOUT = 600
EXAMPLES = 5  # of what broke a rule


@dataclass
class Judgement:
    name: str
    status: int
    failed: list[dict[str, Any]] = field(default_factory=list)  # checks: name, ok, detail, broken, examples
    passed: int = 0
    counts: dict[str, Any] = field(default_factory=dict)
    output: str = ""

    def verdict(self) -> str:
        if self.status == 0:
            return f"{self.passed} checks, all fine"
        if self.status == 1:
            return "BROKEN: " + ", ".join(each["name"] for each in self.failed)
        return "cannot judge: " + (self.output.strip().splitlines() or ["no output"])[-1]

    def explain(self) -> list[str]:
        """Lines: each broken rule, and on what it was broken. None if all is well."""
        lines = [f"{self.name}: {self.verdict()}"] if self.status != 0 and not self.failed else []
        for check in self.failed:
            lines.append(f"BROKEN {check['name']}, says {self.name}: {check.get('broken', 1)} times; {check.get('detail', '')}")
            lines += [f"  {example}" for example in check.get("examples", [])[:EXAMPLES]]
        return lines


def commands(binaries: Path) -> dict[str, list[str]]:
    return {
        "chaos-check": [str(binaries / "chaos-check")],
        "oplog_audit": [sys.executable, str(HERE / "oplog_audit.py")],
    }


def judge(folder: Path, binaries: Path) -> list[Judgement]:
    judgements = []
    for name, command in commands(binaries).items():
        try:
            done = subprocess.run([*command, str(folder)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT, check=False)
            judgement = Judgement(name, done.returncode, output=done.stdout)
        except (OSError, subprocess.TimeoutExpired) as error:
            judgement = Judgement(name, 2, output=str(error))
        (folder / f"{name}.txt").write_text(judgement.output)
        try:
            found = json.loads((folder / f"{name}.json").read_text())
            judgement.failed = [check for check in found["checks"] if not check["ok"]]
            judgement.passed = len(found["checks"]) - len(judgement.failed)
            judgement.counts = found.get("counts", {})
        except (OSError, ValueError, KeyError) as error:
            if judgement.status == 0:
                judgement.status, judgement.output = 2, f"its result cannot be read: {error}"
        judgements.append(judgement)
    return judgements
