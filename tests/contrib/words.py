"""What the tests of contrib/ share: whether the real dlock takes a command line."""

from __future__ import annotations

import os
import subprocess
import unittest
from pathlib import Path

CONTRIB = Path(__file__).resolve().parents[2] / "contrib"
DLOCK = os.environ["DLOCK_BIN"]


def value_of(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def parse_seconds(duration: str) -> float:
    """Of a duration in seconds or minutes."""
    return float(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]


def accepted(test: unittest.TestCase, words: list[str]) -> None:
    """dlock reads the file with the URL when it has understood everything else. This one does not exist."""
    words = [DLOCK, *words[1:]]
    missing = "/no/such/folder/url"
    words[words.index("--url-file") + 1] = missing
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DLOCK_")}
    result = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=environment)
    test.assertEqual((result.returncode, result.stderr), (125, f"dlock: cannot use '{missing}' as --url-file: No such file or directory\n"), words)
