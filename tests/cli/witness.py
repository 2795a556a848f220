"""What is known of a case that fails: of its processes, and of its locks' documents."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import IO, Any

LONGEST = 3000  # characters of one output; more of it says no more


class Process(subprocess.Popen[str]):
    """One that can tell what it has said, even if that was read."""

    def __init__(self, command: list[str], hidden: int, **options: Any) -> None:
        """`hidden`: so many words of the command need not be told."""
        super().__init__(command, **options)
        self.words = command[hidden:]
        self.ended: dict[str, Any] = {}  # by name of the stream: what communicate() got

    def communicate(self, input: Any = None, timeout: float | None = None) -> Any:
        try:
            out, err = super().communicate(input, timeout)
        except subprocess.TimeoutExpired as error:
            self.ended = {"stdout": error.stdout, "stderr": error.stderr}
            raise
        self.ended = {"stdout": out, "stderr": err}
        return out, err

    def account(self) -> str:
        status = self.poll()
        lines = [f"$ {shlex.join(self.words)}\n  " + (f"process {self.pid} still runs" if status is None else f"status {status}")]
        for name, stream in (("stdout", self.stdout), ("stderr", self.stderr)):
            if stream is not None:
                lines.append(f"  {name}: {shortened(as_text(self.ended.get(name)) + read_before(stream) + unread(stream))}")
        return "\n".join(lines)


def as_text(said: Any) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


def remember(stream: IO[str], text: str) -> None:
    """`text` was read from this stream of a process."""
    stream.heard = read_before(stream) + text  # type: ignore[attr-defined]


def read_before(stream: IO[str]) -> str:
    return getattr(stream, "heard", "")


def unread(stream: IO[str]) -> str:
    """What is in the pipe, without waiting for more."""
    try:
        os.set_blocking(stream.fileno(), False)
        return os.read(stream.fileno(), 1 << 20).decode(errors="replace")
    except (OSError, ValueError):  # nothing now; closed
        return ""


def shortened(text: str) -> str:
    if not text.strip():
        return "(nothing)" if not text else repr(text)
    text = text.rstrip("\n")
    if len(text) > LONGEST:
        text = f"{text[:LONGEST // 2]}\n[...]\n{text[-LONGEST // 2:]}"
    return text if "\n" not in text else "\n    " + text.replace("\n", "\n    ")
