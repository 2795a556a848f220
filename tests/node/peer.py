"""A process at one end: node_peer.js, or dlock's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NODE_MODULES = Path(__file__).resolve().parents[2] / "scripts" / "node_modules.py"
PATIENCE = 60.0  # for things that must happen, on a busy machine


class Peer:
    """A process that answers commands, one a line, and tells of events."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                                        env=environment)
        self.name = Path(command[0]).name
        self.count = 0
        self.transcript: list[str] = []  # what it was told, and what it said
        self.lines: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.await_line(lambda line: "ready" in line, "the peer's start")

    def _read(self) -> None:
        for line in self.process.stdout:
            with self.changed:
                self.transcript.append(f"{time.monotonic():.3f} said {line.rstrip()}")
                self.lines.append(json.loads(line))
                self.changed.notify_all()
        with self.changed:
            self.lines.append({"ended": True})
            self.changed.notify_all()

    def await_line(self, fits: Callable[[dict[str, Any]], bool], what: str, seconds: float = PATIENCE) -> dict[str, Any]:
        with self.changed:
            found = self.changed.wait_for(lambda: [x for x in self.lines if fits(x) or "ended" in x], seconds)
        if not found:
            raise AssertionError(f"waited {seconds:g} s for {what} of {self.name}")
        if "ended" in found[0]:
            raise AssertionError(f"{self.name} ended before {what}")
        return found[0]

    def begin(self, verb: str, *words: Any) -> int:
        """Sends a command; result(), with what this returns, has its result."""
        self.count += 1
        line = " ".join([str(self.count), verb, *map(str, words)])
        self.transcript.append(f"{time.monotonic():.3f} told {line}")
        self.process.stdin.write(line + "\n")
        return self.count

    def result(self, number: int, seconds: float = PATIENCE) -> Any:
        return self.await_line(lambda line: line.get("n") == number, "the command's end", seconds)["result"]

    def has_result(self, number: int) -> bool:
        with self.changed:
            return any(line.get("n") == number for line in self.lines)

    def __call__(self, verb: str, *words: Any) -> Any:
        return self.result(self.begin(verb, *words))

    def events(self) -> list[dict[str, Any]]:
        with self.changed:
            return [line for line in self.lines if "event" in line]

    def await_events(self, count: int) -> list[dict[str, Any]]:
        with self.changed:
            self.changed.wait_for(lambda: len(self.events()) >= count, PATIENCE)
        return self.events()

    def kill(self) -> None:
        """kill -9: it cleans nothing up."""
        self.process.kill()
        self.process.wait()

    def account(self) -> list[str]:
        """What was said last, for people who ask why a test failed."""
        status = self.process.poll()
        return [f"{self.name} {self.process.pid}, " + ("runs" if status is None else f"status {status}"),
                *(f"  {each}" for each in self.transcript[-20:])]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


def modules() -> str:
    """The folder of node's packages; "" if there is none, and then it has been said why."""
    if shutil.which("node") is None:
        print("skipped: there is no node on PATH (Debian: nodejs)")
        return ""
    found = subprocess.run([sys.executable, str(NODE_MODULES)], stdout=subprocess.PIPE, text=True, check=False)
    if found.returncode != 0:
        print("skipped: node's packages are not installed; scripts/node_modules.py --install does that")
    return found.stdout.strip()
