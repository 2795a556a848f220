#!/usr/bin/python3
"""What chaos-check says of short histories that are written by hand: histories that keep each rule, and that break it.

  test_rules.py CHAOS_CHECK

A case is a history, and the rules that chaos-check must find broken in it: exactly these. Times are seconds. Processes are
named as in a real run.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

CHAOS_CHECK = sys.argv.pop(1)
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))

from evidence import scratch_folder  # noqa: E402

Events = list[dict[str, Any]]
numbers = itertools.count(1)
NO_PLACE = re.compile("not acquired once more|half of the gaps")  # rules about what does not happen at one place
WRITER, READER = {"kind": "shared", "mode": "x"}, {"kind": "shared", "mode": "s", "weight": 1}


def at(seconds: float) -> int:
    return round(seconds * 1e9)


def say(t: float, process: str, event: str, /, **fields: Any) -> Events:
    return [{"t": at(t), "p": process, "e": event, **fields}]


def call(t: float, who: str, c: int, lock: str = "m0", op: str = "acquire", **more: Any) -> Events:
    return say(t, who, "call", **{"c": c, "op": op, "lock": lock, "kind": "mutex", "mode": "x", "ttl": 2000, **more})


def granted(t: float, who: str, c: int, id: str, token: int, until: float, **more: Any) -> Events:
    return say(t, who, "return", c=c, what="acquired", id=id, token=token, until=at(until), **more)


def release(t: float, who: str, *ids: str, returned: float = 0) -> Events:
    c = next(numbers)
    returned = returned or t + 0.001
    name = {"id": ids[0]} if len(ids) == 1 else {"ids": list(ids)}
    return say(t, who, "call", c=c, op="release", **name) + say(returned, who, "return", c=c, what="released")


def hold(t: float, who: str, id: str, token: int, until: float, lock: str = "m0", *, queued: float = 0, came: float = 0,
         released: float = 0, lost: float = 0, **more: Any) -> Events:
    """Asked for at `t` and granted a millisecond later, or at `came`."""
    c = next(numbers)
    out = call(t, who, c, lock, **more)
    out += say(queued, who, "queued", c=c) if queued else []
    out += granted(came or t + 0.001, who, c, id, token, until)
    out += say(lost, who, "lost", id=id) if lost else []
    return out + (release(released, who, id) if released else [])


def several(t: float, who: str, until: float, **tokens: int) -> Events:
    """One call for some locks; the id of each is "i" and its name."""
    c = next(numbers)
    claims = [{"lock": lock, "kind": "mutex", "mode": "x"} for lock in tokens]
    got = [{"lock": lock, "id": f"i{lock}", "token": token, "until": at(until)} for lock, token in tokens.items()]
    return say(t, who, "call", c=c, op="acquire_all", ttl=2000, locks=claims) + say(t + 0.001, who, "return", c=c, what="acquired", got=got)


def wait(t: float, who: str, timeout: int, took: int, starved: int = 0) -> Events:
    """In vain. Milliseconds."""
    c = next(numbers)
    return call(t, who, c, timeout=timeout) + say(t + took / 1e3, who, "return", c=c, what="timed_out", took=took, starved=starved)


def permits(weight: int) -> dict[str, Any]:
    return {"lock": "s0", "kind": "semaphore", "mode": "s", "weight": weight, "cap": 3}


def fault(start: float, end: float, cls: str, target: str, **more: Any) -> Events:
    n = next(numbers)
    return (say(start, "harness", "fault", phase="begin", n=n, target=target, **{"class": cls}, **more)
            + say(end, "harness", "fault", phase="end", n=n, target=target, **{"class": cls}))


def harness(t: float, event: str, who: str) -> Events:
    return say(t, "harness", event, who=who)


def resource(t: float, what: str, id: str, token: int, n: int | None = None, lock: str = "m0", **more: Any) -> Events:
    fields = {"get": {"mode": "x"}, "put": {"mode": "x", "ok": True}, "see": {"mode": "s", "ok": True}}.get(what, {})
    return say(t, "resource", what, lock=lock, token=token, id=id, **{"from": "w"}, **({} if n is None else {"n": n}), **fields | more)


def update(t: float, id: str, token: int, n: int) -> Events:
    return resource(t, "get", id, token, n) + resource(t + 0.01, "put", id, token, n + 1)


def enter(t: float, id: str, token: int, weight: int) -> Events:
    return resource(t, "enter", id, token, lock="s0", weight=weight)


def config(**options: Any) -> Events:
    return say(0, "harness", "start", config=options)


def end(t: float, *locks: str, token: int = 10**9, ok: bool = True) -> Events:
    out = say(t, "harness", "healed")
    return out + [line for lock in locks for line in say(t, "harness", "final", lock=lock, ok=ok, token=token)]


FIRST = hold(1, "w1.1", "a", 1000, 1.9, released=1.5)
SECOND = hold(2, "w2.1", "b", 2000, 2.9, released=2.5)
TURNS = FIRST + SECOND  # nothing is wrong with it
STAYS = hold(1, "w1.1", "a", 1000, 9, released=8)  # ... with which others may come into conflict
COMES = hold(3, "w2.1", "b", 2000, 5, released=4)
OF_ANOTHER_THREAD = hold(0.5, "w1.1", "z", 500, 2.4, released=1.5)
EDIT = fault(2, 2.1, "operator-edit", "m0")
FORK = say(1.1, "w1.1", "forked", id="a")
CHILD = {"id": "a", "held": False, "release": "forked"}


def hand_overs(times: int, gap: float) -> Events:
    """Each waits while the one before holds, and gets it `gap` after its release."""
    return [line for i in range(times) for line in
            hold(i + 0.2, f"w{i}.1", str(i), 1000 + i, 100, queued=i + 0.3, came=i + 1 + gap, released=i + 1.999)]


def passed(*faults: Events, by: str = "w2.1") -> Events:
    """Somebody comes when w1.1 is known to wait, and is granted first."""
    return (hold(1, "w1.1", "a", 2000, 6, queued=1.1, came=4, released=5) + hold(2, by, "b", 1000, 5, came=3, released=3.5)
            + [line for each in faults for line in each])


def in_place(came: float, ended: float, who: str = "w2.1") -> Events:
    """A call that times out."""
    c = next(numbers)
    return call(came, who, c) + say(ended, who, "return", c=c, what="timed_out")


def in_vain(cancelled: float, *more: Events) -> Events:
    """w2.1 waits from 2 s on, all is healed at 10 s, and it is cancelled."""
    c = next(numbers)
    return (FIRST + call(2, "w2.1", c) + end(10, "m0") + say(cancelled, "w2.1", "return", c=c, what="cancelled")
            + [line for each in more for line in each])


def woken(gap_end: float) -> Events:
    """w1.1 dies with a lease to 3 s; the next one waits."""
    return (hold(1, "w1.1", "a", 1000, 3, lost=3) + hold(2, "w2.1", "b", 2000, gap_end + 9, queued=2.1, came=gap_end, released=gap_end + 1))


def jumped(**fields: Any) -> Events:
    return STAYS + fault(2, 4, "server-clock", "member0", **fields) + COMES


# name: the rules that are broken, the history
CASES: dict[str, tuple[str, Events]] = {
    "one after the other": ("", TURNS),
    # exclusion-at-resource, lost-updates, accounting
    "two updates": ("", TURNS + update(1.1, "a", 1000, 0) + update(2.1, "b", 2000, 1)),
    "a stale put is refused": ("",
        TURNS + update(1.1, "a", 1000, 0) + update(2.1, "b", 2000, 1) + resource(2.2, "put", "a", 1000, 2, ok=False)),
    "a stale put is accepted": ("exclusion-at-resource",
        TURNS + resource(1.1, "get", "a", 1000, 0) + resource(2.1, "get", "b", 2000, 0) + resource(2.2, "put", "a", 1000, 1)),
    "a put in order is refused": ("exclusion-at-resource",
        TURNS + resource(1.1, "get", "a", 1000, 0) + resource(1.2, "put", "a", 1000, 1, ok=False)),
    "a stale look is accepted": ("exclusion-at-resource", TURNS + update(2.1, "b", 2000, 0) + resource(2.2, "see", "a", 1000)),
    "a look is not stale because of another look": ("", TURNS + resource(2.1, "see", "b", 2000) + resource(2.2, "see", "a", 1000)),
    "a put writes over another": ("lost-updates accounting",
        TURNS + update(1.1, "a", 1000, 0) + resource(2.1, "get", "b", 2000, 1) + resource(2.2, "put", "b", 2000, 1)),
    "a put does not write what follows from its get": ("lost-updates accounting",
        TURNS + resource(1.1, "get", "a", 1000, 0) + resource(1.2, "put", "a", 1000, 2)),
    "a get reads what nobody wrote": ("lost-updates accounting",
        TURNS + update(1.1, "a", 1000, 0) + resource(2.1, "get", "b", 2000, 2)),
    # overlap, and what belief is
    "two believe at once": ("overlap lost-before-takeover", hold(1, "w1.1", "a", 1000, 3.5, lost=3.5) + COMES),
    "belief ends with its time": ("", hold(1, "w1.1", "a", 1000, 3, lost=3) + COMES),
    "belief is prolonged by held": ("overlap lost-before-takeover",
        hold(1, "w1.1", "a", 1000, 2, lost=4) + say(1.5, "w1.1", "held", id="a", until=at(4)) + COMES),
    "belief is ended by lost, and not begun again": ("",
        hold(1, "w1.1", "a", 1000, 9, lost=2.9) + say(2.95, "w1.1", "held", id="a", until=at(9)) + COMES),
    "belief is ended by the call of release": ("", hold(1, "w1.1", "a", 1000, 9, released=2.9999) + COMES),
    "belief ends with the process": ("", hold(1, "w1.1", "a", 1000, 99) + harness(2, "killed", "w1.1") + COMES),
    "belief can have a gap": ("",
        hold(1, "w1.1", "a", 1000, 3, released=3.9) + say(3.5, "w1.1", "held", id="a", until=at(4))
        + hold(3.1, "w2.1", "b", 2000, 3.4, released=3.3)),
    "a freeze ends no belief": ("overlap", STAYS + harness(2, "frozen", "w1.1") + harness(3.5, "thawed", "w1.1") + COMES),
    "several are lost together": ("", several(1, "w1.1", 9, m0=1000, m1=1000) + say(2, "w1.1", "lost", id="im1") + COMES),
    "several are held together": ("overlap", several(1, "w1.1", 9, m0=1000, m1=1000) + release(8, "w1.1", "im0", "im1") + COMES),
    # what an operator and a wrong clock excuse
    "an edit leaves it to the tokens": ("",
        hold(1, "w1.1", "a", 1000, 4, lost=4) + EDIT + hold(3, "w2.1", "b", 2000, 5, released=4.5) + update(3.1, "b", 2000, 0)),
    "the tokens do not keep the older one out": ("overlap exclusion-at-resource accounting",
        hold(1, "w1.1", "a", 1000, 4, lost=4) + EDIT + hold(3, "w2.1", "b", 2000, 5, released=4.5)
        + resource(1.1, "get", "a", 1000, 1) + update(3.1, "b", 2000, 0) + resource(3.3, "put", "a", 1000, 2)),
    "an edit of another lock excuses nothing": ("overlap",
        STAYS + hold(1, "w3.1", "c", 1000, 2, "m1", released=1.5) + fault(2, 2.1, "operator-edit", "m1") + COMES),
    "an edit before the acquisition excuses nothing": ("overlap", fault(0.5, 0.6, "operator-edit", "m0") + STAYS + COMES),
    "an edit excuses no more than a lease": ("overlap",
        hold(1, "w1.1", "a", 1000, 9, released=8) + EDIT + hold(4.7, "w3.1", "c", 3000, 6, released=5)),
    "an edit excuses for a lease": ("",
        hold(1, "w1.1", "a", 1000, 9, released=8) + EDIT + hold(4.4, "w3.1", "c", 3000, 6, released=4.5)),
    "an edit does not excuse two that go on together": ("overlap",
        hold(1, "w1.1", "a", 1000, 4.7, lost=4.7) + EDIT + hold(3, "w2.1", "b", 2000, 9, released=8)),
    "a wrong clock of the server excuses": ("", jumped(jump_ms=600)),
    "... not by observed expiry": ("overlap", config(expiry="observed") + jumped(jump_ms=600)),
    "... not within the skew": ("overlap", config(options={"clock_skew_ms": 600}) + jumped(jump_ms=600)),
    # permits
    "permits count weights": ("",
        hold(1, "w1.1", "a", 1000, 9, released=8, **permits(2)) + hold(2, "w2.1", "b", 2000, 9, released=8, **permits(1))),
    "more permits are believed than there are": ("overlap permits",
        hold(1, "w1.1", "a", 1000, 9, released=8, **permits(2)) + hold(2, "w2.1", "b", 2000, 9, released=8, **permits(2))),
    "more are inside than there are permits": ("permits",
        hold(1, "w1.1", "a", 1000, 9, released=8, **permits(2)) + enter(1.1, "a", 1000, 4)),
    "who stays inside after its lease is not counted": ("",
        hold(1, "w1.1", "a", 1000, 3, lost=3, **permits(3)) + enter(1.1, "a", 1000, 3)
        + hold(4, "w2.1", "b", 2000, 6, released=5, **permits(3)) + enter(4.1, "b", 2000, 3)),
    # readers and writers
    "a writer beside a reader": ("overlap readers-writers",
        hold(1, "w1.1", "a", 1000, 9, "r0", released=8, **WRITER) + hold(2.5, "w2.1", "b", 2000, 9, "r0", released=8, **READER)),
    "a downgraded writer is a reader": ("",
        hold(1, "w1.1", "a", 1000, 9, "r0", released=8, **WRITER) + call(2, "w1.1", 9001, "r0", "downgrade", id="a")
        + say(2.1, "w1.1", "return", c=9001, what="downgraded") + hold(2.5, "w2.1", "b", 2000, 9, "r0", released=8, **READER)),
    "a writer beside a downgraded one": ("overlap readers-writers",
        hold(1, "w1.1", "a", 1000, 9, "r0", released=8, **WRITER) + call(2, "w1.1", 9002, "r0", "downgrade", id="a")
        + say(2.1, "w1.1", "return", c=9002, what="downgraded") + hold(3, "w3.1", "c", 3000, 9, "r0", released=8, **WRITER)),
    "a reader sees between a writer's get and put": ("overlap readers-writers exclusion-at-resource",
        hold(1, "w1.1", "a", 1000, 9, "r0", released=8, **WRITER) + hold(2, "w2.1", "b", 2000, 9, "r0", released=8, **READER)
        + resource(3, "get", "a", 1000, 0, "r0") + resource(3.1, "see", "b", 2000, lock="r0")
        + resource(3.2, "put", "a", 1000, 1, "r0")),
    # tokens
    "one token twice": ("tokens-unique tokens-real-time", FIRST + hold(2, "w2.1", "b", 1000, 3, released=2.5)),
    "one acquisition is returned twice": ("tokens-unique", FIRST + hold(2, "w2.1", "a", 2000, 2.9, released=2.5)),
    "one token of two at the resource": ("tokens-unique",
        TURNS + resource(1.1, "see", "a", 1000) + resource(1.2, "see", "x", 1000)),
    "one token twice, after a jump of the server's clock": ("tokens-unique tokens-real-time",
        fault(0.5, 0.6, "server-clock", "member0", jump_ms=-5000) + FIRST + hold(2, "w2.1", "b", 1000, 3, released=2.5)),
    "a token falls": ("tokens-real-time", FIRST + hold(2, "w2.1", "b", 900, 2.9, released=2.5)),
    "the token of the last acquisition falls": ("tokens-real-time", TURNS + end(3, "m0", token=1500)),
    "a jump of the server's clock alone lets no token fall": ("tokens-real-time",
        fault(0.5, 0.6, "server-clock", "member0", jump_ms=-5000) + FIRST + hold(2, "w2.1", "b", 900, 2.9, released=2.5)),
    "a document that was removed after it does": ("",
        fault(0.5, 0.6, "server-clock", "member0", jump_ms=-5000) + fault(1.7, 1.8, "operator-edit", "m0") + FIRST
        + hold(2, "w2.1", "b", 900, 2.9, released=2.5)),
    "... and gives a token twice": ("",
        fault(0.5, 0.6, "server-clock", "member0", jump_ms=-5000) + fault(1.7, 1.8, "operator-edit", "m0") + FIRST
        + resource(1.1, "see", "a", 1000) + hold(2, "w2.1", "b", 1000, 2.9, released=2.5) + resource(2.1, "see", "b", 1000)),
    "and so does a jump by more than the grace": ("",
        fault(0.5, 0.6, "server-clock", "member0", jump_ms=-70_000) + FIRST + hold(2, "w2.1", "b", 900, 2.9, released=2.5)),
    # queue-order
    "one who waits is passed": ("queue-order", passed()),
    "one who waits is passed after another process was frozen": ("queue-order", passed(fault(1.5, 1.6, "worker-freeze", "w2.1"))),
    "one who waits is passed near a fault of its own": ("", passed(fault(1.5, 1.6, "stepdown", "member1"))),
    "one who may have waited for its turn in its process is passed": ("", OF_ANOTHER_THREAD + passed()),
    "... by another call of this process": ("queue-order", OF_ANOTHER_THREAD + passed(by="w1.1")),
    "... that waited to share it, as its request may be slower": ("", OF_ANOTHER_THREAD
        + hold(1, "w1.1", "a", 2000, 6, queued=1.1, came=4, released=5, mode="s") + hold(2, "w1.1", "b", 1000, 5, came=3, released=3.5)),
    "the turn was over before": ("queue-order", hold(0.5, "w1.1", "z", 500, 1.5, released=0.9) + passed()),
    "its release was under way": ("", hold(0.5, "w1.1", "z", 500, 2.4) + release(0.9, "w1.1", "z", returned=1.05) + passed()),
    "who passes has the place of a call that ended in vain": ("", passed(in_place(0.9, 2.1))),
    "... that had ended before": ("queue-order", passed(in_place(0.9, 1.9))),
    "... that had come later, too": ("queue-order", passed(in_place(1.5, 2.1))),
    "... of another process": ("queue-order", passed(in_place(0.9, 2.1, who="w3.1"))),
    # lost-before-takeover
    "a loss is told too late": ("lost-before-takeover",
        hold(1, "w1.1", "a", 1000, 3, lost=6) + hold(5, "w2.1", "b", 2000, 9, released=8)),
    "a loss is never told": ("lost-before-takeover", hold(1, "w1.1", "a", 1000, 3) + hold(5, "w2.1", "b", 2000, 9, released=8)),
    "a frozen process is told when it thaws": ("",
        hold(1, "w1.1", "a", 1000, 3, lost=6) + hold(5, "w2.1", "b", 2000, 9, released=8) + harness(2, "frozen", "w1.1")
        + harness(5.9, "thawed", "w1.1")),
    # wake-up-gap
    "releases wake their heirs": ("", hand_overs(20, 0.05)),
    "releases do not wake their heirs": ("wake-up-gap", hand_overs(20, 0.1)),
    "too few to tell": ("", hand_overs(10, 0.1)),
    "nobody is woken": ("wake-up-gap", woken(11.1)),  # 3 s, the skew, a margin, and the limit of 6 s
    "the last one might still hold": ("", woken(10.9)),
    # liveness
    "a call does not return": ("liveness", FIRST + call(2, "w2.1", 9003)),
    "whoever was killed need not return": ("", FIRST + call(2, "w2.1", 9004) + harness(3, "killed", "w2.1")),
    "a lock is not acquired at the end": ("liveness", FIRST + end(10)),
    "a lock cannot be acquired at the end": ("liveness", FIRST + end(10, "m0", ok=False)),
    "a lock was acquired before all was healed": ("liveness", FIRST + end(8, "m0")[1:] + end(10)),
    "one waits in vain after all was healed": ("liveness", in_vain(28)),
    "... not for as long as a dead holder may be in the way": ("", in_vain(27)),  # 3 * 5 s, the skew, a margin
    "... it was not its turn": ("", in_vain(28, hold(12, "w3.1", "c", 3000, 14, released=13))),
    # deadlines
    "calls are in time, or their thread got no processor": ("", FIRST + wait(2, "w1.1", 500, 600) + wait(3, "w1.1", 500, 661, 61)),
    "a call is late": ("deadlines", FIRST + wait(2, "w1.1", 500, 661, 60)),
    "a thread beside it waited for a processor": ("", FIRST + wait(2, "w1.1", 500, 661, 60) + wait(2.55, "w1.1", 500, 200, 70)),
    "... at another time": ("deadlines", FIRST + wait(2, "w1.1", 500, 661, 60) + wait(2.1, "w1.1", 500, 200, 70)),
    "... of another process than the late call": ("deadlines", FIRST + wait(2, "w1.1", 500, 661, 60) + wait(2.55, "w2.1", 500, 200, 70)),
    "a call is late, and its process was stopped": ("",
        FIRST + wait(2, "w1.1", 500, 900) + harness(2.2, "stopped", "w1.1") + harness(2.3, "continued", "w1.1")),
    "another process was stopped": ("deadlines",
        FIRST + wait(2, "w1.1", 500, 900) + harness(2.2, "stopped", "w2.1") + harness(2.3, "continued", "w2.1")),
    # fork
    "a child is refused": ("", TURNS + FORK + say(1.2, "w1.1", "child", **CHILD)),
    "a child releases": ("fork", TURNS + FORK + say(1.2, "w1.1", "child", **CHILD | {"release": "released"})),
    "nothing is heard of a child": ("fork", TURNS + FORK),
    "a fork costs the lock": ("fork", hold(1, "w1.1", "a", 1000, 9, lost=1.3) + FORK + say(1.2, "w1.1", "child", **CHILD) + SECOND),
}

CALL = '{"t":1,"p":"w1.1","e":"call","c":1,"op":"release","id":"a"}'
# lines of a file that cannot be used, and what is said of them
UNUSABLE = {
    "is no JSON object": ['{"t":2,"p":"w1.1","e":"ret', CALL],
    "has no \"t\"": ['{"p":"w1.1","e":"call"}'],
    "\"t\" is no whole number": ['{"t":"soon","p":"w1.1","e":"call"}'],
    "is of a call that was not begun": ['{"t":1,"p":"w1.1","e":"return","c":5,"what":"busy"}'],
}


class Rules(unittest.TestCase):
    def judge(self, events: Events, tails: dict[str, str], *options: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
        """`tails`: further text of the files of these processes."""
        with scratch_folder() as folder:
            (folder / "history").mkdir()
            for name in {line["p"] for line in events} | set(tails):
                text = "".join(json.dumps(line) + "\n" for line in events if line["p"] == name)
                (folder / "history" / f"{name}.jsonl").write_text(text + tails.get(name, ""))
            done = subprocess.run([CHAOS_CHECK, *options, str(folder)], capture_output=True, text=True)
            file = folder / "chaos-check.json"
            return done, json.loads(file.read_text()) if file.exists() else {}

    def complete(self, events: Events) -> Events:
        """As of a run that came to its end, if the events do not say otherwise."""
        if not any(line["e"] == "healed" for line in events):
            locks = {claim["lock"] for line in events if line["e"] == "call" for claim in line.get("locks", [line]) if "lock" in claim}
            events = events + end(50, *sorted(locks))
        return sorted(events, key=lambda line: line["t"])

    def broken(self, events: Events, tails: dict[str, str]) -> tuple[str, dict[str, Any]]:
        """The rules, and what was counted."""
        done, found = self.judge(self.complete(events), tails)
        self.assertTrue(found, done.stderr)
        broken = [check for check in found["checks"] if not check["ok"]]
        self.assertEqual(done.returncode, 1 if broken else 0)
        for check in broken:
            if not NO_PLACE.search(str(check["examples"])):
                self.assertIn(".jsonl:", str(check["examples"]), "where it was broken")
        return " ".join(sorted(check["name"] for check in broken)), found["counts"]

    def test_cases(self) -> None:
        for name, (rules, events) in CASES.items():
            with self.subTest(name):
                self.assertEqual(" ".join(sorted(rules.split())), self.broken(events, {})[0])
        every = {check["name"] for check in self.judge(self.complete(TURNS), {})[1]["checks"]}
        self.assertEqual(every, {rule for rules, _ in CASES.values() for rule in rules.split()}, "each rule is broken by a case")

    def test_what_is_counted(self) -> None:
        _, counts = self.broken(hold(1, "w1.1", "a", 1000, 4, lost=4) + EDIT + hold(3, "w2.1", "b", 2000, 5, released=4.5)
                                + call(2, "w3.1", 9005) + harness(2.5, "killed", "w3.1") + say(5, "w1.1", "yawned"), {})
        self.assertEqual([2, 1, 1, 1], [counts[name] for name in ("acquisitions", "unknowns", "losses", "take_overs")])
        self.assertEqual({"none": 0, "operator-edit": 1, "server-clock": 0}, counts["overlaps"])
        self.assertEqual({"operator-edit": 1}, counts["injections"])
        self.assertEqual({"yawned": 1}, counts["ignored_events"])

    def test_half_a_line_of_a_process_that_was_killed(self) -> None:
        half = '{"t":2,"p":"w1.1","e":"ret'
        self.assertEqual("", self.broken(TURNS, {"w1.1": half})[0])
        # What the resource did not finish to write may have been an update, or not.
        updates = TURNS + resource(1.1, "get", "a", 1000, 0) + resource(2.1, "get", "b", 2000, 1)
        self.assertEqual("accounting", self.broken(updates, {})[0])
        self.assertEqual("", self.broken(updates, {"resource": half})[0])

    def test_what_cannot_be_judged(self) -> None:
        for why, rows in UNUSABLE.items():
            with self.subTest(why):
                done, _ = self.judge(self.complete(FIRST), {"w7.1": "\n" + "\n".join(rows)})
                self.assertEqual(2, done.returncode)
                self.assertIn(f"w7.1.jsonl:2: {why}", done.stderr)
        for why, events, options in (("healed", FIRST, ()), ("says too little", self.complete(FIRST), ("--min", "2")), ("usage", FIRST, ("--min", "x"))):
            with self.subTest(why):
                done, _ = self.judge(events, {}, *options)
                self.assertEqual(2, done.returncode)
                self.assertIn(why, done.stderr)


if __name__ == "__main__":
    unittest.main()
