"""What README.md and docs/*.md print for a shell: the commands in blocks of `sh`, and the transcripts in blocks of `console`."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from harness import PATIENCE, Case

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)


def transcripts(page: str) -> dict[str, str]:
    """The commands of its console blocks, without comments, and what they print."""
    out: dict[str, str] = {}
    for block in blocks(page, "console"):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, printed = part.replace("\\\n", " ").partition("\n")
            out[re.sub(r" {2,}#.*| # .*", "", command).strip()] = printed
    return out


class PageCase(Case):
    """`dlock` is in PATH, and uses this case's locks."""

    def setUp(self) -> None:
        super().setUp()
        self.file("bin").mkdir()
        words = f'case $verb in --*) ;; *) set -- --db {self.server.db} "$@" ;; esac'
        self.script(f'#!/bin/sh\nverb=$1\nshift\n{words}\nexec {self.command()[0]} "$verb" "$@"\n', "bin/dlock")
        self.environment["PATH"] = f"{self.folder}/bin:{self.environment['PATH']}"

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-c", command], env=self.environment, cwd=self.folder, capture_output=True, text=True,
                              timeout=PATIENCE, check=False)

    def works(self, command: str) -> str:
        result = self.shell(command)
        self.assertEqual((result.returncode, result.stderr), (0, ""), command)
        return result.stdout
