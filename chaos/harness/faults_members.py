"""Faults of the members of the replica set, and of the network between them."""

from __future__ import annotations

import time

from pymongo.errors import PyMongoError
from private_set import SetError

from faults import Injection, Missed, fault


def _others(i: Injection, member: int) -> list[int]:
    return [each for each in range(3) if each != member]


def _freeze(i: Injection, *members: int) -> None:
    """For the span of the fault."""
    with i.on(f"member{members[0]}" if len(members) == 1 else ""):
        for member in members:
            i.world.set.freeze(member)
            i.world.history.write("frozen", who=f"member{member}")
        try:
            i.pause()
        finally:
            for member in members:
                i.world.set.thaw(member)
                i.world.history.write("thawed", who=f"member{member}")


def _cut(i: Injection, sender: int, receiver: int) -> None:
    """Nothing of what one member sends arrives at the other: as a request, or as an answer."""
    i.world.set.proxy.tell(f"hold-requests m{sender} m{receiver}")
    i.world.set.proxy.tell(f"hold-replies m{receiver} m{sender}")


@fault("primary-kill", "members", (0.5, 5), recovery=4)
def primary_kill(i: Injection) -> None:
    """kill -9 of the primary, and its restart"""
    member = i.world.set.primary()
    with i.on(f"member{member}"):
        began = time.monotonic_ns()
        i.world.set.kill(member)
        i.struck(began)
        i.pause()
        i.world.set.restart(member)


@fault("stepdown", "members", (0.5, 3), recovery=1)
def stepdown(i: Injection) -> None:
    """The primary steps down, another takes over"""
    member = i.world.set.primary()
    with i.on(f"member{member}"):
        began = time.monotonic_ns()
        try:
            i.world.set.stepdown(5)
        except SetError as error:
            raise Missed(str(error)) from error
        i.struck(began)
        i.pause()


@fault("all-killed", "members", (0.1, 2), recovery=7)
def all_killed(i: Injection) -> None:
    """kill -9 of all members, and their restart"""
    members = i.rng.sample(range(3), 3)
    with i.on(""):
        for member in members:
            i.world.set.kill(member)
        i.pause()
        for member in i.rng.sample(range(3), 3):
            i.world.set.restart(member)


@fault("secondary-frozen", "members", (1, 15))
def secondary_frozen(i: Injection) -> None:
    """SIGSTOP of a secondary"""
    _freeze(i, i.rng.choice(_others(i, i.world.set.primary())))


@fault("primary-frozen", "members", (1, 15), recovery=1)
def primary_frozen(i: Injection) -> None:
    """SIGSTOP of the primary, for shorter or longer than an election takes"""
    _freeze(i, i.world.set.primary())


@fault("no-majority", "members", (2, 12), recovery=1)
def no_majority(i: Injection) -> None:
    """Both secondaries frozen: nothing is acknowledged, and the primary steps down"""
    _freeze(i, *_others(i, i.world.set.primary()))


@fault("one-way-partition", "members", (1, 8), recovery=1)
def one_way_partition(i: Injection) -> None:
    """Of two that talk, one is not heard: the primary by clients or a secondary, or they by it"""
    primary = i.world.set.primary()
    secondary = i.rng.choice(_others(i, primary))
    kind = i.rng.choice(["requests of clients", "replies to clients", "from primary", "to primary"])
    with i.on(f"member{primary}", kind=kind):
        if kind == "requests of clients":
            i.world.set.proxy.tell(f"hold-requests client m{primary}")
        elif kind == "replies to clients":
            i.world.set.proxy.tell(f"hold-replies client m{primary}")
        elif kind == "from primary":
            _cut(i, primary, secondary)
        else:
            _cut(i, secondary, primary)
        try:
            held = i.world.set.proxy.count("held")
            i.pause()
        finally:
            i.world.set.proxy.tell("open any any")
        if i.world.set.proxy.count("held") == held:
            raise Missed("nothing was held")


@fault("minority-primary", "members", (2, 12), recovery=1)
def minority_primary(i: Injection) -> None:
    """The primary hears nothing of the others, but clients still reach it"""
    primary = i.world.set.primary()
    with i.on(f"member{primary}"):
        for other in _others(i, primary):
            _cut(i, primary, other)
            _cut(i, other, primary)
        try:
            i.pause()
        finally:
            i.world.set.proxy.tell("open any any")


def _step_up(i: Injection, member: int) -> None:
    for attempt in range(5):  # it may be behind the primary just now
        try:
            return i.world.set.step_up(member)
        except PyMongoError as error:
            if attempt == 4:
                raise Missed(f"member {member} did not become primary: {error}") from error
            i.pause(0.5)


@fault("server-clock", "members", (1.5, 6), recovery=2)
def server_clock(i: Injection) -> None:
    """The wall clock of a secondary jumps, and that secondary becomes primary"""
    if i.world.plan.observed:
        jump_ms = i.rng.choice([-1, 1]) * i.rng.choice([300, 5_000, 300_000, 86_400_000])
    else:
        # Within clock_skew, which leases allow for; or beyond it, which they do not. Not by a day: a dead holder's
        # entry would stand in the way for so long once the clock is right again, as docs/protocol.md says.
        jump_ms = i.rng.choice([-1, 1]) * i.rng.choice([300, 400, 2_000, 5_000])
    member = i.rng.choice(_others(i, i.world.set.primary()))
    with i.on(f"member{member}", jump_ms=jump_ms):
        i.world.set.set_clock(member, jump_ms * 1_000_000)
        try:
            _step_up(i, member)
            i.pause()
        finally:
            i.world.set.set_clock(member, 0)
            if abs(jump_ms) > 10_000:
                # Its threads wait for times of that clock: the one that flushes the journal, too, without which nobody
                # can follow it.
                i.world.set.kill(member)
                i.world.set.restart(member)
            else:  # what was written by that clock is taken for true for a while
                i.pause(abs(jump_ms) / 1000)
