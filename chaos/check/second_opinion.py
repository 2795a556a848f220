#!/usr/bin/python3
"""Judges exclusion and tokens of a chaos run once more: from README.md, in another language and by other means than chaos-check.

  second_opinion.py DIR              reads DIR/history/*.jsonl, writes DIR/second_opinion.json
  second_opinion.py --agree DIR...   whether the two verdicts of each folder are the same

Exits with 0 if all is well, 1 if a rule was broken (or the two do not agree), 2 if there is nothing to judge.
"""

from __future__ import annotations

import argparse
import bisect
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Event = dict[str, Any]
FOREVER = 1 << 63
MS = 1_000_000
PLACE = "place"  # of an event, added when it is read: FILE:LINE
OPERATOR, CLOCK = "operator-edit", "server-clock"
EXCLUSION, OVERLAP, UNIQUE, REAL_TIME = "exclusion-at-resource", "overlap", "tokens-unique", "tokens-real-time"


class Unusable(Exception):
    """The history cannot be judged; the text says why."""


@dataclass
class Hold:
    lock: str
    id: str
    token: int
    process: str
    call: tuple[str, int]
    asked: int
    since: int
    told: list[tuple[int, int]]  # when, until when
    exclusive: bool
    weight: int
    place: str  # of its return in the history
    end: int = FOREVER
    shared_from: int = FOREVER

    def __str__(self) -> str:
        return f"{self.lock}, token {self.token}, {self.process}, from {self.since} ({self.place})"


@dataclass
class Piece:
    """Of a belief: nothing changes meanwhile."""
    start: int
    end: int
    exclusive: bool
    hold: Hold


@dataclass
class Rule:
    name: str
    judged: int = 0
    broken: int = 0
    excused: int = 0
    examples: list[str] = field(default_factory=list)

    def breaks(self, how: str) -> None:
        self.broken += 1
        if len(self.examples) < 5:
            self.examples.append(how)

    def report(self) -> dict[str, Any]:
        return {"name": self.name, "ok": not self.broken, "broken": self.broken, "examples": self.examples,
                "detail": f"{self.judged} judged, {self.excused} excused"}


def place_of(event: Event) -> str:
    return event.get(PLACE, "?")


def read_folder(folder: Path) -> list[Event]:
    files = sorted((folder / "history").glob("*.jsonl"))
    if not files:
        raise Unusable(f"{folder / 'history'} has no *.jsonl")
    events = []
    for file in files:
        rows = file.read_text(errors="replace").split("\n")
        last = max((number for number, row in enumerate(rows) if row), default=-1)
        for number, row in enumerate(rows):
            if not row:
                continue
            try:
                event = json.loads(row)
                if not isinstance(event, dict):
                    raise ValueError("no object")
                events.append(event | {PLACE: f"{file.name}:{number + 1}"})
            except ValueError as error:
                if number != last:
                    raise Unusable(f"{file.name}:{number + 1}: {error}") from None
    return events


class Opinion:
    def __init__(self, events: Iterable[Event], config: dict[str, Any] | None = None) -> None:
        self.events = list(events)
        self.options: dict[str, Any] = {}
        self._configure(config or {})
        for event in self.events:
            if event["e"] == "start":
                self._configure(event.get("config", {}))
        self.holds = self._find_holds()
        self.by_id: dict[str, list[Hold]] = defaultdict(list)
        for hold in self.holds:
            self.by_id[hold.id].append(hold)
        self._find_ends()
        self.locks = {claim["lock"] for event in self.events if event["e"] == "call" and event["op"] != "release"
                      for claim in event.get("locks", [event]) if "lock" in claim}
        self.windows = self._find_windows()

    def _configure(self, config: dict[str, Any]) -> None:
        for inner in ("options", "config"):
            if isinstance(config.get(inner), dict):
                self._configure(config[inner])
        self.options |= {name: value for name, value in config.items() if not isinstance(value, dict)}

    def _find_holds(self) -> list[Hold]:
        calls = {(event["p"], event["c"]): event for event in self.events if event["e"] == "call"}
        self.capacity: dict[str, int] = defaultdict(int)
        for call in calls.values():
            for claim in call.get("locks", [call]):
                if claim.get("cap"):
                    self.capacity[claim["lock"]] = max(self.capacity[claim["lock"]], claim["cap"])
        holds = []
        for event in self.events:
            if event["e"] != "return" or event["what"] != "acquired":
                continue
            key = event["p"], event["c"]
            call = calls[key]
            claims = {claim["lock"]: claim for claim in call.get("locks", [call])}
            for got in event.get("got") or [event | {"lock": call["lock"]}]:
                claim = claims[got["lock"]]
                exclusive = claim.get("mode", "x") == "x" and claim.get("kind") != "semaphore"
                holds.append(Hold(got["lock"], got["id"], got["token"], event["p"], key, call["t"], event["t"],
                                  [(event["t"], got["until"])], exclusive, claim.get("weight") or 1, place_of(event)))
        return holds

    def _find_ends(self) -> None:
        together: dict[tuple[str, int], list[Hold]] = defaultdict(list)
        for hold in self.holds:
            together[hold.call].append(hold)
        died: dict[str, int] = {}
        for event in self.events:
            what = event["e"]
            if what == "killed":
                died[event["who"]] = min(event["t"], died.get(event["who"], FOREVER))
            elif what == "call" and event["op"] in ("release", "downgrade"):
                for each in event.get("ids") or [event.get("id")]:
                    for hold in self.by_id.get(each, ()):
                        if event["op"] == "release":
                            hold.end = min(hold.end, event["t"])
                        else:
                            hold.shared_from = min(hold.shared_from, event["t"])
            elif what == "lost":
                for told in self.by_id.get(event["id"], ()):
                    for hold in together[told.call]:
                        hold.end = min(hold.end, event["t"])
            elif what == "held":
                for hold in self.by_id.get(event["id"], ()):
                    hold.told.append((max(event["t"], hold.since), event["until"]))
        for hold in self.holds:
            hold.end = min(hold.end, died.get(hold.process, FOREVER))

    def _find_windows(self) -> list[tuple[str, int, int, str | None]]:
        """Class, from, to, and of which lock (None: of all)."""
        skew = self.options.get("clock_skew_ms", 500)
        self.first_jump = self.first_far_jump = FOREVER
        begun: dict[tuple[str, str], list[Event]] = defaultdict(list)
        windows = []

        def close(begin: Event, end: int) -> None:
            jump = begin.get("jump_ms")
            if begin["class"] == CLOCK:
                self.first_jump = min(self.first_jump, begin["t"])
                if jump is None or abs(jump) > self.options.get("grace_ms", 60_000):
                    self.first_far_jump = min(self.first_far_jump, begin["t"])
                if self.options.get("expiry") == "observed" or (jump is not None and abs(jump) <= skew):
                    return
            if begin["class"] in (OPERATOR, CLOCK):
                target = begin.get("target")
                one = target if begin["class"] == OPERATOR and target in self.locks else None
                windows.append((begin["class"], begin["t"], end, one))

        for event in sorted((event for event in self.events if event["e"] == "fault"), key=lambda event: event["t"]):
            key = event["class"], json.dumps(event["n"]) if "n" in event else "target " + event.get("target", "")
            if event["phase"] == "begin":
                begun[key].append(event)
            elif begun[key]:
                close(begun[key].pop(), event["t"])
            else:
                raise Unusable(f"the fault {key} ends without having begun")
        for unfinished in begun.values():
            for begin in unfinished:
                close(begin, FOREVER)
        return windows

    def excuse(self, hold: Hold, at: int) -> str | None:
        found = {cls for cls, start, end, lock in self.windows
                 if lock in (None, hold.lock) and start <= at and end >= hold.asked}
        return OPERATOR if OPERATOR in found else CLOCK if CLOCK in found else None

    def may_fall(self, lock: str, at: int) -> bool:
        removed = any(cls == OPERATOR and of in (None, lock) and start <= at for cls, start, _, of in self.windows)
        return self.first_far_jump <= at or (self.first_jump <= at and removed)

    # The rules

    def verdict(self) -> list[Rule]:
        return [self.exclusion(), self.overlap(), self.unique(), self.real_time()]

    def _accesses(self) -> Iterator[Event]:
        return (event for event in self.events if event["p"] == "resource")

    def exclusion(self) -> Rule:
        """Each access against the highest token of those before it, which a sorted list of the seen ones tells."""
        rule = Rule(EXCLUSION)
        seen: dict[tuple[str, bool], list[int]] = defaultdict(list)  # by lock, and whether exclusive
        for event in self._accesses():
            if event["e"] not in ("get", "put", "see"):
                continue
            lock, token = event["lock"], event["token"]
            exclusive = event["e"] == "put" or event.get("mode") == "x"
            bars = seen[lock, True][-1:] + (seen[lock, False][-1:] if exclusive else [])
            stale = any(highest > token for highest in bars)
            if event["e"] != "get":
                rule.judged += 1
                if event["ok"] == stale:
                    done = "accepted" if stale else "refused"
                    rule.breaks(f"{lock}: token {token} of {event['id']} was {done} ({place_of(event)}); the highest one before "
                                f"it is {max(bars, default=None)}")
            bisect.insort(seen[lock, exclusive], token)
        return rule

    def _pieces(self, hold: Hold) -> list[Piece]:
        told = sorted(hold.told, key=lambda pair: pair[0])
        pieces: list[Piece] = []
        for number, (at, until) in enumerate(told):
            following = told[number + 1][0] if number + 1 < len(told) else FOREVER
            start, end = at, min(until, following, hold.end)
            turn = min(max(hold.shared_from, start), end) if hold.exclusive else start
            for low, high, exclusive in ((start, turn, True), (turn, end, False)):
                if low >= high:
                    continue
                if pieces and pieces[-1].end == low and pieces[-1].exclusive == exclusive:
                    pieces[-1].end = high
                else:
                    pieces.append(Piece(low, high, exclusive, hold))
        return pieces

    def overlap(self) -> Rule:
        """Each piece with those that begin before it ends."""
        rule = Rule(OVERLAP)
        of_lock: dict[str, list[Piece]] = defaultdict(list)
        for hold in self.holds:
            of_lock[hold.lock] += self._pieces(hold)
            rule.judged += 1
        accepted: dict[str, list[tuple[int, bool]]] = defaultdict(list)  # by acquisition: number of the access, whether put
        for number, event in enumerate(self._accesses()):
            if event.get("ok"):
                accepted[event["id"]].append((number, event["e"] == "put"))
        for lock, pieces in of_lock.items():
            pieces.sort(key=lambda piece: piece.start)
            beside: dict[int, list[Piece]] = defaultdict(list)  # those that are there when the piece of this number begins
            for number, piece in enumerate(pieces):
                for later in range(number + 1, len(pieces)):
                    if pieces[later].start >= piece.end:
                        break
                    beside[later].append(piece)
                    if piece.hold is not pieces[later].hold and (piece.exclusive or pieces[later].exclusive):
                        self._meet(rule, piece.hold, pieces[later].hold, pieces[later].start, accepted)
            if self.capacity[lock]:
                for number, piece in enumerate(pieces):
                    self._count(rule, lock, piece, beside[number])
        return rule

    def _meet(self, rule: Rule, one: Hold, other: Hold, at: int, accepted: dict[str, list[tuple[int, bool]]]) -> None:
        older, newer = sorted((one, other), key=lambda hold: (hold.token, hold.since))
        if self.excuse(older, at) is None:
            rule.breaks(f"{older} and {newer}, at {at}")
            return
        rule.excused += 1
        if not accepted[newer.id]:
            return
        first, alone = accepted[newer.id][0]
        if any(number > first and (alone or put) for number, put in accepted[older.id]):
            rule.breaks(f"accepted in spite of its token: {older} after {newer}")

    def _count(self, rule: Rule, lock: str, piece: Piece, beside: list[Piece]) -> None:
        if sum(other.hold.weight for other in beside) + piece.hold.weight <= self.capacity[lock]:
            return
        kept = [other for other in beside if self.excuse(other.hold, piece.start) is None]
        if sum(other.hold.weight for other in kept) + piece.hold.weight > self.capacity[lock]:
            rule.breaks(f"more than {self.capacity[lock]}, when it came: {piece.hold}; beside it: "
                        + "; ".join(str(other.hold) for other in kept[:5]))
        else:
            rule.excused += 1

    def unique(self) -> Rule:
        rule = Rule(UNIQUE)
        ids: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)  # acquisition -> where it was first seen
        granted: dict[tuple[str, int], list[Hold]] = defaultdict(list)
        for hold in self.holds:
            granted[hold.lock, hold.token].append(hold)
            rule.judged += 1
        for event in self._accesses():
            ids[event["lock"], event["token"]].setdefault(event["id"], place_of(event))
        for (lock, token), several in ids.items():
            if len(several) > 1:
                who = ", ".join(f"{name} ({place})" for name, place in sorted(several.items()))
                rule.breaks(f"{lock}: token {token} came to the resource from {who}")
        for (lock, token), holds in granted.items():
            if len(holds) > 1:
                rule.breaks(f"{lock}: token {token} was granted {len(holds)} times: {'; '.join(map(str, holds[:5]))}")
        for name, holds in self.by_id.items():
            if len(holds) > 1:
                rule.breaks(f"{name} was returned {len(holds)} times: {'; '.join(map(str, holds[:5]))}")
        return rule

    def real_time(self) -> Rule:
        """Going down the tokens: nobody was called after one with a higher token had returned."""
        rule = Rule(REAL_TIME)
        of_lock: dict[str, list[Hold]] = defaultdict(list)
        for hold in self.holds:
            of_lock[hold.lock].append(hold)
        for lock, holds in of_lock.items():
            holds.sort(key=lambda hold: hold.token, reverse=True)
            earliest: Hold | None = None  # return of a token that is not smaller
            for hold in holds:
                rule.judged += 1
                if earliest is not None and earliest.since < hold.asked:
                    if self.may_fall(lock, hold.since):
                        rule.excused += 1
                    else:
                        rule.breaks(f"{hold} was called after this had returned: {earliest}")
                if earliest is None or hold.since < earliest.since:
                    earliest = hold
        for event in self.events:
            if event["e"] != "final" or not event["ok"] or self.may_fall(event["lock"], event["t"]):
                continue
            for hold in of_lock.get(event["lock"], ()):
                if hold.since <= event["t"] and hold.token > event.get("token", 0):
                    last = f"{event.get('token', 0)} ({place_of(event)})"
                    rule.breaks(f"{event['lock']}: the last token, {last}, came after {hold}")
        return rule


def judge(folder: Path) -> int:
    config = folder / "config.json"
    try:
        opinion = Opinion(read_folder(folder), json.loads(config.read_text()) if config.exists() else None)
        rules = opinion.verdict()
    except (KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"an event is not as it should be: {error!r}") from error
    (folder / "second_opinion.json").write_text(json.dumps({"checks": [rule.report() for rule in rules]}, indent=2) + "\n")
    for rule in rules:
        print(f"{'BROKEN' if rule.broken else 'ok    '} {rule.name}: {rule.report()['detail']}")
        for example in rule.examples:
            print("       ", example)
    return 1 if any(rule.broken for rule in rules) else 0


def agree(folder: Path) -> bool:
    first, second = ({check["name"]: check["ok"] for check in json.loads((folder / name).read_text())["checks"]}
                     for name in ("chaos-check.json", "second_opinion.json"))
    differ = [name for name in second if first.get(name) != second[name]]
    for name in differ:
        print(f"{folder}: chaos-check says {first.get(name)} of {name}, the second opinion {second[name]}")
    return not differ


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agree", action="store_true", help="compare the verdicts that are there")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    options = parser.parse_args()
    try:
        if options.agree:
            return 0 if all([agree(folder) for folder in options.folders]) else 1
        return max(judge(folder) for folder in options.folders)
    except (Unusable, OSError, ValueError) as error:
        print(f"second opinion: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
