"""What the clients of a run wrote, as far as the oplog's audit asks for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EARLIER, LATER = -(1 << 62), 1 << 62
PATIENCE_MS = 1500  # between a fault's line in the history and the server's clock
# With these a process goes on, and reaches the server.
HARMLESS = ("swallow-reply", "reset-mid-reply", "write-concern-fails", "notify-dropped", "notify-rolled", "notify-cursor-killed")


def split_turn(name: str) -> tuple[str, int]:
    """The acquisition whose grant it is, and how many turns of its process were before it."""
    entry, plus, number = name.partition("+")
    return entry, int(number) if plus else 0


class Unusable(Exception):
    """There is nothing to judge; the text says why."""


@dataclass
class Grant:
    lock: str
    token: int
    asked: int  # ns of the history's clock
    returned: int
    seen: bool = False  # in the oplog
    where: str = ""


@dataclass
class Clients:
    known: bool = False  # there is a history
    granted: dict[str, Grant] = field(default_factory=dict)  # by the acquisition's id
    released: dict[str, int] = field(default_factory=dict)  # id -> when its release was called, ns
    proclaimed: dict[str, tuple[int, str]] = field(default_factory=dict)  # id -> the number of the last value that was answered
    turns: dict[str, Grant] = field(default_factory=dict)  # of a grant, inside a process: by its id and its number, with its token
    unknown: int = 0  # calls that acquire and did not return "acquired"
    edits: list[tuple[int, int, str]] = field(default_factory=list)  # an operator's, from, to, target
    clocks: bool = False  # a server's clock jumped
    killed: set[str] = field(default_factory=set)  # processes
    windows: dict[int, list[int]] = field(default_factory=dict)  # of faults that are not HARMLESS: from, to
    unanswered: dict[str, list[int]] = field(default_factory=dict)  # process -> when its calls ended without an answer
    # The wall clock minus the history's, ms: between these two, unless a clock jumped.
    offset_least: float = EARLIER
    offset_most: float = LATER

    @staticmethod
    def read(folder: Path) -> Clients:
        clients = Clients()
        files = sorted((folder / "history").glob("*.jsonl"))
        clients.known = bool(files)
        for file in files:
            calls: dict[tuple[str, int], dict[str, Any]] = {}
            rows = file.read_text(errors="replace").rstrip("\n").split("\n")
            for number, row in enumerate(rows, start=1):
                try:
                    event = json.loads(row)
                except ValueError:
                    if number < len(rows):
                        raise Unusable(f"{file.name}:{number} is no JSON") from None
                    continue
                clients._take(event, calls, f"{file.name}:{number}")
            clients.unknown += sum(call["op"] in ("acquire", "try", "acquire_all") for call in calls.values())
        return clients

    def _take(self, event: dict[str, Any], calls: dict[tuple[str, int], dict[str, Any]], where: str) -> None:
        what = event["e"]
        if what == "call":
            calls[event["p"], event["c"]] = event
            if event["op"] == "release":
                for each in event.get("ids") or [event["id"]]:
                    self.released[each] = min(event["t"], self.released.get(each, LATER))
        elif what == "return" and event["what"] == "acquired":
            call = calls.pop((event["p"], event["c"]))
            for got in event.get("got") or [event | {"lock": call["lock"]}]:
                _, turn = split_turn(got["id"])
                grant = Grant(got["lock"], got["token"] - turn, call["t"], event["t"], where=where)
                (self.turns if turn else self.granted)[got["id"]] = grant
        elif what == "return" and event["what"] == "proclaimed":
            call = calls.pop((event["p"], event["c"]))
            self.proclaimed[call["id"]] = call["number"], where
        elif what == "return" and event["what"] in ("released", "downgraded", "not_held"):
            calls.pop((event["p"], event["c"]), None)
        elif what == "return" and event.get("code") == "unavailable":
            self.unanswered.setdefault(event["p"], []).append(event["t"])
        if what == "fault" and event["class"] not in HARMLESS:
            window = self.windows.setdefault(event["n"], [event["t"], LATER])
            if event["phase"] == "end":
                window[1] = event["t"]
        if what == "fault" and event["class"] == "operator-edit":
            if event["phase"] == "begin":
                self.edits.append((event["t"], LATER, event.get("target", "")))
            else:
                begun = max((i for i, edit in enumerate(self.edits) if edit[1] == LATER), default=None)
                if begun is not None:
                    self.edits[begun] = (self.edits[begun][0], event["t"], self.edits[begun][2])
        elif what == "fault" and event["class"] == "server-clock":
            self.clocks = True
        elif what == "killed":
            self.killed.add(event["who"])

    # The two clocks

    def learn_offset(self, grant: Grant, since: int) -> None:
        """The server granted it (`since`, ms) after it was asked for and before it was returned."""
        self.offset_least = max(self.offset_least, since - grant.returned / 1e6)
        self.offset_most = min(self.offset_most, since + 1 - grant.asked / 1e6)

    @property
    def clocks_agree(self) -> bool:
        return not self.clocks and EARLIER < self.offset_least <= self.offset_most + 2

    def undisturbed(self, process: str, low: int, high: int) -> bool:
        """Whether it ran and reached the server between these two, ms of the server's clock, and was not killed at all.
        Not if several of its calls ended without an answer: that one may be the bug that is looked for, but then the
        server, or the machine, was too slow for all of them."""
        if process in self.killed or not self.clocks_agree:
            return False
        silent = [at for at in self.unanswered.get(process, [])
                  if low - PATIENCE_MS <= at / 1e6 + self.offset_most and at / 1e6 + self.offset_least <= high + PATIENCE_MS]
        if len(silent) > 1:
            return False
        return all(end / 1e6 + self.offset_most + PATIENCE_MS < low or high < start / 1e6 + self.offset_least - PATIENCE_MS
                   for start, end in self.windows.values())

    def edited(self, lock: str, wall: int) -> bool:
        """Whether an operator may have changed the lock just then."""
        for start, end, target in self.edits:
            if target not in ("", lock) and target:
                continue
            if not self.clocks_agree:
                return True
            low, high = start / 1e6 + self.offset_least - PATIENCE_MS, end / 1e6 + self.offset_most + PATIENCE_MS
            if low <= wall <= high:
                return True
        return False
