"""chaos-proxy, the TCP relay of all tests: what it can do to connections is in `chaos-proxy --help`."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from pathlib import Path

from private_set import SetError


class Proxy:
    """chaos-proxy, and what it is told. It ends with us: its standard input does."""

    def __init__(self, binary: Path) -> None:
        self.process = subprocess.Popen([str(binary)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self.process.stdin is not None and self.process.stdout is not None
        self._commands, self._answers = self.process.stdin, self.process.stdout
        self._guard = threading.Lock()
        words = self._answers.readline().split()
        if words[:1] != ["ports"]:
            raise SetError("chaos-proxy did not start")
        self.ports = [int(word) for word in words[1:]]

    def tell(self, command: str) -> str:
        answer = ""
        with self._guard, contextlib.suppress(BrokenPipeError):
            self._commands.write(command + "\n")
            self._commands.flush()
            answer = self._answers.readline().strip()
        if not answer or answer.startswith("error"):
            raise SetError(f"chaos-proxy, {command}: {answer or 'it is gone'}")
        return answer

    def stats(self) -> dict[str, dict[str, int]]:
        return json.loads(self.tell("stats"))

    def count(self, what: str) -> int:
        """How often something was done, over all sources and members."""
        return sum(each[what] for each in self.stats().values())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self._commands.close()
        self._answers.close()
