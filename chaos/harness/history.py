"""The run's history: what the harness writes into it, and what it hears of the workers while they run."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]


class Writer:
    """The harness's own file. One write(2) a line, like everybody's."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(folder / "harness.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def write(self, event: str, **fields: Any) -> int:
        now = time.monotonic_ns()
        os.write(self._fd, json.dumps({"t": now, "p": "harness", "e": event, **fields}).encode() + b"\n")
        return now

    def close(self) -> None:
        os.close(self._fd)


def read(folder: Path) -> Iterator[Event]:
    """All events, file by file. A torn last line is skipped."""
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_bytes().split(b"\n"):
            try:
                yield json.loads(line)
            except ValueError:
                continue


class Follower:
    """What the workers' files say so far. Call look() from one thread; ask from any."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self._guard = threading.Lock()
        self._acquiring: dict[tuple[str, int], Event] = {}
        self._holding: dict[str, set[str]] = {}  # process -> ids of acquisitions
        self.counts: Counter[str] = Counter()
        self.last_grant = time.monotonic_ns()

    def look(self) -> None:
        with self._guard:
            for file in self._folder.glob("w*.jsonl"):
                self._read_on(file)

    def _read_on(self, file: Path) -> None:
        at = self._offsets.get(file, 0)
        if file.stat().st_size == at:
            return
        with file.open("rb") as stream:
            stream.seek(at)
            data = stream.read()
        whole = data.rfind(b"\n") + 1
        self._offsets[file] = at + whole
        for line in data[:whole].splitlines():
            try:
                self._take(json.loads(line))
            except ValueError:
                continue

    def _take(self, event: Event) -> None:
        what, process = event["e"], event["p"]
        holding = self._holding.setdefault(process, set())
        if what == "call":
            if event["op"] in ("acquire", "try", "acquire_all"):
                self._acquiring[process, event["c"]] = event
            elif event["op"] == "release":
                holding.difference_update(event.get("ids", [event.get("id")]))
        elif what == "return":
            call = self._acquiring.pop((process, event["c"]), None)
            if event["what"] == "acquired" and call is not None:
                holding.update(got["id"] for got in event.get("got", [event]))
                self.last_grant = max(self.last_grant, event["t"])
            self.counts[event["what"]] += 1
            if event.get("in_doubt"):
                self.counts["in doubt"] += 1
        elif what == "lost":
            holding.discard(event["id"])
            self.counts["leases lost"] += 1
        elif what == "forked":
            self.counts["forked"] += 1

    def forget(self, process: str) -> None:
        """It has died: what it asked for is unknown, and it holds nothing."""
        with self._guard:
            self._holding.pop(process, None)
            for key in [key for key in self._acquiring if key[0] == process]:
                del self._acquiring[key]
                self.counts["unknown"] += 1

    def holders(self) -> list[str]:
        """The processes that hold something."""
        with self._guard:
            return sorted(process for process, ids in self._holding.items() if ids)
