"""Which version of a lock's document may follow which. docs/protocol.md says why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from audit_history import Clients, split_turn
from oplog_diff import Change, Document

KEPT = "/kept"  # what release_at_least leaves
TOLERANCE_MS = 20  # between two processes' reading of one clock
EMPTY: Document = {"fence": 0, "rev": 0, "holders": [], "waiters": [], "gone": []}


@dataclass
class Rule:
    name: str
    judged: int = 0
    broken: int = 0
    excused: int = 0  # an operator's doing
    examples: list[str] = field(default_factory=list)

    def breaks(self, how: str) -> None:
        self.broken += 1
        if len(self.examples) < 5:
            self.examples.append(how)

    def detail(self) -> str:
        return f"{self.judged} judged, {self.excused} left to an operator"

    def report(self) -> dict[str, Any]:
        return {"name": self.name, "ok": not self.broken, "broken": self.broken, "detail": self.detail(), "examples": self.examples}


NAMES = ("audit-revisions", "audit-fence", "audit-tokens-over-lives", "audit-compatible", "audit-queue-order", "audit-places",
         "audit-removals", "audit-until", "audit-claims", "audit-values", "audit-grants", "audit-ghosts")


def is_lock(document: Document) -> bool:
    return isinstance(document.get("holders"), list) and isinstance(document.get("waiters"), list)


def without_admitted(document: Document) -> Document:
    """Those at the head of the queue that were admitted, and are still stored, wait no more."""
    return document | {"waiters": document["waiters"][document.get("admitted", 0):]}


def value_number(entry: Document) -> int:
    """Of the value that a leader of the run publishes: it counts them. 0: not of such a leader, or its first."""
    _, mark, number = entry.get("value", "").rpartition("#")
    return int(number) if mark and number.isdigit() else 0


def described(entries: list[Document]) -> str:
    """Which acquisitions, of which processes."""
    return ", ".join(f"{entry['id']} of {entry.get('who', '?').removeprefix('$$')}" for entry in entries) or "none"


def fits(holders: list[Document], claim: Document, cap: int | None) -> bool:
    if claim.get("exclusive"):
        return not holders
    if any(holder.get("exclusive") for holder in holders):
        return False
    return not cap or sum(holder["weight"] for holder in holders) + claim["weight"] <= cap


class Transition:
    """What changed between two versions."""

    def __init__(self, before: Document, after: Document) -> None:
        self.before, self.after = before, after
        self.had = {holder["id"]: holder for holder in before["holders"]}
        self.has = {holder["id"]: holder for holder in after["holders"]}
        self.waited = [waiter["id"] for waiter in before["waiters"]]
        self.waits = [waiter["id"] for waiter in after["waiters"]]
        self.kept = {name for name in self.had if name not in self.has and name + KEPT in self.has}
        # An enqueue whose answer was lost is repeated with its id: it may be granted again, if the first lease has ended.
        self.stayed = {name for name in self.had if name in self.has and self.had[name]["fence"] == self.has[name]["fence"]}
        self.granted = [holder for holder in after["holders"]
                        if holder["id"] not in self.stayed and holder["id"].removesuffix(KEPT) not in self.kept]
        self.left = [holder for name, holder in self.had.items() if name not in self.stayed and name not in self.kept]
        names = {holder["id"] for holder in self.granted}
        self.gave_up = [waiter for waiter in before["waiters"] if waiter["id"] not in names and waiter["id"] not in self.waits]
        self.observed = bool(after.get("observed"))
        # A renewal moves its own entry and nothing else.
        self.whole = bool(self.granted or self.left or self.waited != self.waits) or after.get("mine") != before.get("mine")

    def ended(self, entry: Document, skew: int) -> bool:
        return bool(entry["until"] + skew <= self.after.get("mine", 0))


class Audit:
    def __init__(self, clients: Clients, skew: int, grace: int) -> None:
        self.clients, self.skew, self.grace = clients, skew, grace
        self.rules = {name: Rule(name) for name in NAMES}
        self.counts: Counter[str] = Counter({"versions": 0})
        self._fences: dict[Any, tuple[int, bool, int]] = {}  # of ended lives: the last token, whether the TTL index ended it, when
        self._suspects: list[tuple[str, Any, int, str]] = []  # rule, lock, wall, how
        self._releases: list[tuple[str, Any, int, int, str]] = []  # id, lock, when it was gone, wall, how
        self._unheard: dict[str, tuple[int, int]] = {}  # granted, and not heard of since their first request, which was when; until
        self._tokens: dict[str, set[int]] = {}  # of each acquisition that was granted
        self._values: dict[str, int] = {}  # the last one of each leader
        self._ghosts: list[tuple[str, int, Any, int, str]] = []  # process, first request, lock, when it was gone, how

    def take(self, change: Change) -> None:
        if change.after is None:
            self._deleted(change)
        elif not is_lock(change.after) or (change.before is not None and not is_lock(change.before)):
            self.counts["versions that are no lock of ours"] += 1
            self._suspect("audit-claims", change, "is no lock any more, or was none")
        else:
            self.counts["versions"] += 1
            self._judge(Transition(without_admitted(change.before or EMPTY), without_admitted(change.after)), change)

    def finish(self) -> None:
        for process, asked, lock, gone, how in self._ghosts:
            if self.clients.known and self.clients.undisturbed(process, asked, gone):
                self.rules["audit-ghosts"].judged += 1
                self._suspects.append(("audit-ghosts", lock, gone, how))
        for name, lock, gone, wall, how in self._releases:
            called = self.clients.released.get(name)
            if not self.clients.known:
                self.counts["holders that left early, and no history to say why"] += 1
            elif name not in self.clients.granted:
                self.counts["grants given back that nobody was told of"] += 1
            elif called is not None and (not self.clients.clocks_agree or
                                         called / 1e6 + self.clients.offset_least <= gone + TOLERANCE_MS):
                self.counts["released"] += 1
            else:
                self._suspects.append(("audit-removals", lock, wall, how))
        for rule, lock, wall, how in self._suspects:
            found = self.rules[rule]
            if self.clients.edited(lock, wall):
                found.excused += 1
            else:
                found.breaks(how)
        for name, (number, where) in self.clients.proclaimed.items():
            found = self.rules["audit-values"]
            found.judged += 1
            if self._values.get(name, 0) < number:
                found.breaks(f"{name} was told that its value {number} is published ({where}), and it never was")
        for name, grant in self.clients.granted.items():
            if not grant.seen:
                self.rules["audit-grants"].breaks(
                    f"{grant.lock}: {name} was returned with token {grant.token} ({grant.where}), and never granted")
        for name, grant in self.clients.turns.items():
            self.counts["turns inside a process"] += 1
            self.rules["audit-grants"].judged += 1
            if grant.token not in self._tokens.get(split_turn(name)[0], ()):
                self.rules["audit-grants"].breaks(f"{grant.lock}: {name} ({grant.where}) is a turn of a grant that never was")

    def _suspect(self, rule: str, change: Change, how: str) -> None:
        self._suspects.append((rule, change.id, change.wall, f"{change.id} (oplog.jsonl:{change.line}): {how}"))

    def _deleted(self, change: Change) -> None:
        before = change.before
        self.counts["documents deleted"] += 1
        if before is None or not is_lock(before):
            return
        swept = before.get("et") is not None and before["et"] + self.grace <= change.wall
        self._fences[change.id] = before["fence"], swept, change.wall
        self.rules["audit-removals"].judged += 1
        if not swept:
            self._suspect("audit-removals", change, f"deleted before its time; holders: {described(before['holders'])}")

    def _judge(self, t: Transition, change: Change) -> None:
        self._revision(t, change)
        self._fence(t, change)
        self._compatible(t, change)
        self._queue(t, change)
        self._removals(t, change)
        self._entries(t, change)
        for holder in t.granted:
            self._grant(holder, t.before, change)

    def _revision(self, t: Transition, change: Change) -> None:
        self.rules["audit-revisions"].judged += 1
        if t.after["rev"] != t.before["rev"] + 1:
            self._suspect("audit-revisions", change, f"rev went from {t.before['rev']} to {t.after['rev']}")

    def _fence(self, t: Transition, change: Change) -> None:
        rule = self.rules["audit-fence"]
        rule.judged += 1
        last = t.before["fence"]
        for holder in t.granted:
            if holder["fence"] <= last:
                self._suspect("audit-fence", change, f"{holder['id']} got token {holder['fence']} after {last}")
            last = holder["fence"]
        if t.after["fence"] != last:
            self._suspect("audit-fence", change, f"fence is {t.after['fence']}, and the last token {last}")
        if change.before is None and change.id in self._fences:
            self.rules["audit-tokens-over-lives"].judged += 1
            earlier, swept, wall = self._fences[change.id]
            if any(holder["fence"] <= earlier for holder in t.granted) and not self.clients.clocks:
                how = f"oplog.jsonl:{change.line}: {change.id} grants tokens not above {earlier}, that of the life before"
                self._suspects.append(("audit-tokens-over-lives", change.id, change.wall if swept else wall, how))

    def _compatible(self, t: Transition, change: Change) -> None:
        self.rules["audit-compatible"].judged += 1
        holders, cap = t.after["holders"], t.after.get("cap")
        if len(t.has) != len(holders):
            twice = [name for name, times in Counter(holder["id"] for holder in holders).items() if times > 1]
            self._suspect("audit-compatible", change, f"{', '.join(twice)} stands there twice")
        if len(holders) > 1 and any(holder.get("exclusive") for holder in holders):
            self._suspect("audit-compatible", change, f"an exclusive holder is not alone: {described(holders)}")
        taken = sum(holder.get("weight", 0) for holder in holders)
        if t.granted and cap and taken > cap:  # without a new one: after a resize
            self._suspect("audit-compatible", change, f"{taken} of {cap} are taken: {described(holders)}")

    def _queue(self, t: Transition, change: Change) -> None:
        rule = self.rules["audit-queue-order"]
        place = {name: index for index, name in enumerate(t.waited)}
        granted = [holder["id"] for holder in t.granted]
        old = [name for name in granted if name in place]
        survivors = [name for name in t.waits if name in place]
        if t.waited and t.granted:
            rule.judged += 1
        if granted != old + [name for name in granted if name not in place]:
            self._suspect("audit-queue-order", change, "one that had not waited was granted before one that had: "
                          f"{described(t.granted)}; {', '.join(old)} had waited")
        if survivors and len(old) < len(granted):
            new = [holder for holder in t.granted if holder["id"] not in place]
            self._suspect("audit-queue-order", change, f"{described(new)} had not waited and was granted, and {survivors[0]} waits")
        if [place[name] for name in old] != sorted(place[name] for name in old):
            self._suspect("audit-queue-order", change, f"granted in another order than that of the queue: {', '.join(old)}; "
                          f"it was {', '.join(t.waited)}")
        if old and survivors and max(place[name] for name in old) > min(place[name] for name in survivors):
            self._suspect("audit-queue-order", change, f"{survivors[0]} was passed by {described(t.granted)}")
        places = self.rules["audit-places"]
        places.judged += bool(t.waited)
        if t.waits[:len(survivors)] != survivors:
            self._suspect("audit-places", change, "somebody new stands before one that had waited: the queue was "
                          f"{', '.join(t.waited)}, and is {', '.join(t.waits)}")
        if [place[name] for name in survivors] != sorted(place[name] for name in survivors):
            self._suspect("audit-places", change, f"two have changed places: the queue was {', '.join(t.waited)}, "
                          f"and is {', '.join(t.waits)}")
        ours = t.after.get("ct") == t.after.get("mine")
        if t.waits and t.whole and ours and fits(t.after["holders"], t.after["waiters"][0], t.after.get("cap")):
            self._suspect("audit-queue-order", change, f"{t.waits[0]} waits although it fits")
        self.counts["longest queue"] = max(self.counts["longest queue"], len(t.waits))

    def _removals(self, t: Transition, change: Change) -> None:
        rule = self.rules["audit-removals"]
        rule.judged += len(t.left) + len(t.gave_up)
        for holder in t.left:
            if t.observed:
                self.counts["left with observed expiry"] += 1
            elif t.ended(holder, self.skew):
                self.counts["leases that ended"] += 1
                asked, until = self._unheard.pop(holder["id"], (0, 0))
                if until == holder["until"] and holder["id"] not in self.clients.granted:
                    self._ghosts.append((holder["who"].removeprefix("$$"), asked, change.id, t.after.get("mine", change.wall),
                                         f"{change.id} (oplog.jsonl:{change.line}): {holder['id']} was granted, and its process did "
                                         "not know"))
            elif holder["id"].endswith(KEPT) or holder["id"] in t.has:
                self._suspect("audit-removals", change, f"{holder['id']} was removed by what cannot remove it")
            else:
                early = holder["until"] + self.skew - t.after.get("mine", 0)
                self._released(holder["id"], change, t, f"went {early} ms before its time")
        for name in t.kept:
            self._released(name, change, t, "is kept without having been released")
        early = [waiter["id"] for waiter in t.gave_up if not t.observed and not t.ended(waiter, self.skew)]
        self.counts["waiters that gave up"] += len(early)
        self.counts["waiters whose time was over"] += len(t.gave_up) - len(early)
        if len(early) > 1 and t.before.get("cap") == t.after.get("cap"):
            self._suspect("audit-removals", change, f"{len(early)} left the queue at once: {', '.join(early)}")
        for name in early:
            if name in self.clients.granted:
                self._suspect("audit-removals", change, f"{name} left the queue, and was told that it had the lock")

    def _released(self, name: str, change: Change, t: Transition, otherwise: str) -> None:
        how = f"{change.id} (oplog.jsonl:{change.line}): {name} {otherwise}"
        self._releases.append((name, change.id, t.after.get("mine", change.wall), change.wall, how))

    def _entries(self, t: Transition, change: Change) -> None:
        for name in t.stayed:
            old, new = t.had[name], t.has[name]
            self.rules["audit-until"].judged += 1
            if new["until"] < old["until"] or (old.get("revoked") and new["until"] != old["until"]):
                self._suspect("audit-until", change, f"{name}'s lease ended at {old['until']}, now at {new['until']}")
            if new["since"] != old["since"] or (old.get("revoked") and not new.get("revoked")):
                self._suspect("audit-claims", change, f"{name} has another grant than it had")
            self._value(old, new, change)
            self.rules["audit-claims"].judged += 1
            if (new.get("exclusive") and not old.get("exclusive")) or \
                    (not old.get("exclusive") and not new.get("exclusive") and new["weight"] > old["weight"]):
                self._suspect("audit-claims", change, f"{name} has more than it was granted")
        waited = {waiter["id"]: waiter for waiter in t.before["waiters"]}
        for waiter in t.after["waiters"]:
            old = waited.get(waiter["id"], waiter)
            # If it was over by this server's clock, its first request may have been repeated: then it came anew.
            anew = not t.observed and t.ended(old, self.skew)
            if waiter["until"] < old["until"] or waiter["seen"] < old["seen"]:
                self._suspect("audit-until", change, f"the time of {waiter['id']}, which waits, went back")
            if any(waiter.get(what) != old.get(what) for what in ("exclusive", "weight", *([] if anew else ["since"]))):
                self._suspect("audit-claims", change, f"{waiter['id']}, which waits, asks for something else")

    def _value(self, old: Document, new: Document, change: Change) -> None:
        """A leader publishes one value after the other. Each is there until the next one is, whatever arrives late."""
        was, now = value_number(old), value_number(new)
        if was == now == 0:
            return
        self.rules["audit-values"].judged += 1
        if now < was:
            self._suspect("audit-values", change, f"{new['id']} published value {was}, and now value {now} again")
        self._values[new["id"]] = max(was, now)

    def _grant(self, holder: Document, before: Document, change: Change) -> None:
        waited = next((waiter for waiter in before["waiters"] if waiter["id"] == holder["id"]), None)
        if waited is None or waited["seen"] == waited["since"]:
            self._unheard[holder["id"]] = (waited or holder)["since"], holder["until"]
        self.counts["grants"] += 1
        self._tokens.setdefault(holder["id"], set()).add(holder["fence"])
        self.rules["audit-grants"].judged += 1
        told = self.clients.granted.get(holder["id"])
        if told is None or (told.lock, told.token) != (change.id, holder["fence"]):
            self.counts["grants that nobody was told of"] += 1
            return
        told.seen = True
        self.clients.learn_offset(told, holder["since"])
