"""Faults of the client processes."""

from __future__ import annotations

import signal
import time

from faults import Injection, Missed, fault
from workers import Worker

PATIENCE = 12.0  # seconds: another lane's fault may be in the way, such as an election on a busy machine
POINTS = ("before-send", "after-send", "acquired", "committed", "heir", "releasing")  # of DLOCK_KILL_AT


def _stopped_holder(i: Injection) -> Worker:
    """A worker that holds a lock, stopped: so it still does when this returns."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not i.world.over.is_set():
        i.world.follower.look()
        holders = [worker for worker in i.world.pool.victims() if worker.name in i.world.follower.holders()]
        if holders:
            worker = i.rng.choice(holders)
            worker.stop()
            i.world.follower.look()
            if worker.name in i.world.follower.holders():
                return worker
            worker.signal(signal.SIGCONT)
        time.sleep(0.01)
    raise Missed("nobody held a lock")


@fault("holder-frozen", "workers", (1.2, 2.5))
def holder_frozen(i: Injection) -> None:
    """SIGSTOP of a process that holds a lock, past the end of its lease"""
    worker = _stopped_holder(i)
    with i.on(worker.name):
        i.world.history.write("frozen", who=worker.name)
        try:
            i.pause(i.span * i.world.plan.ttl_ms / 1000)  # here the span counts in leases
        finally:
            worker.signal(signal.SIGCONT)
            i.world.history.write("thawed", who=worker.name)


@fault("client-cut", "workers", (0.6, 2.5))
def client_cut(i: Injection) -> None:
    """The network of one process fails, past the end of its leases; what it had sent arrives in the end"""
    worker = _stopped_holder(i)
    kind = i.world.plan.cut or i.rng.choice(["requests", "replies", "both", "slow"])
    ttl = i.world.plan.ttl_ms / 1000
    tell = i.world.set.proxy.tell
    with i.on(worker.place, kind=kind):
        try:
            if kind == "slow":  # answers late, but in time, and then none
                tell(f"delay {worker.place} any {int(i.rng.uniform(200, 600) * ttl)}")
                worker.signal(signal.SIGCONT)
                i.pause(1.5 * ttl)
                tell(f"hold-requests {worker.place} any")
            for way in ("requests", "replies"):
                if kind in (way, "both"):
                    tell(f"hold-{way} {worker.place} any")
            worker.signal(signal.SIGCONT)
            i.pause(i.span * ttl)
        finally:
            worker.signal(signal.SIGCONT)
            tell(f"heal {worker.place} any")


@fault("holder-killed", "workers", (0.5, 2))
def holder_killed(i: Injection) -> None:
    """SIGKILL of a process that holds a lock"""
    worker = _stopped_holder(i)
    with i.on(worker.name):
        i.world.pool.kill(worker)
        i.pause()


@fault("kill-at", "workers", (1, 6))
def kill_at(i: Injection) -> None:
    """A process dies at a given place in its code, such as between the commit of a release and its announcement"""
    point = f"{i.rng.choice(POINTS)}:{i.rng.randint(1, 20)}"
    worker = i.rng.choice(i.world.pool.victims())
    with i.on(worker.place, point=point):
        i.world.pool.kill(worker, {"DLOCK_KILL_AT": point})  # the next one of this place has it
        i.until(lambda: i.world.pool.at(worker.place) not in (None, worker), 3, "new process")
        doomed = i.world.pool.at(worker.place)
        i.until(lambda: i.world.pool.at(worker.place) is not doomed, i.span + PATIENCE, f"passing of {point}")


@fault("waiter-killed", "workers", (0.5, 2))
def waiter_killed(i: Injection) -> None:
    """SIGKILL of a process that is the first in a queue"""

    def heads() -> set[str]:
        with i.world.set.connect(i.world.set.primary(), serverSelectionTimeoutMS=2000, socketTimeoutMS=3000) as client:
            return {each["waiters"][each.get("admitted", 0)]["who"] for each in client.dlocks.dlocks.find({"waiters.0": {"$exists": True}})}

    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not i.world.over.is_set():
        first = heads()
        waiting = [worker for worker in i.world.pool.victims() if worker.who in first]
        if not waiting:
            time.sleep(0.05)
            continue
        worker = i.rng.choice(waiting)
        worker.stop()
        if worker.who in heads():
            with i.on(worker.name):
                i.world.pool.kill(worker)
                i.pause()
            return
        worker.signal(signal.SIGCONT)
    raise Missed("nobody was waiting")


@fault("client-clock", "workers", (0.5, 3))
def client_clock(i: Injection) -> None:
    """The wall clock of a process jumps, by up to a day, and back"""
    worker = i.rng.choice(i.world.pool.victims())
    jump_ms = i.rng.choice([-1, 1]) * i.rng.choice([1_000, 10_000, 300_000, 86_400_000])
    with i.on(worker.name, jump_ms=jump_ms):
        worker.set_clock(jump_ms * 1_000_000)
        try:
            i.pause()
        finally:
            worker.set_clock(0)


@fault("pool-exhausted", "workers", (1, 4), recovery=2)
def pool_exhausted(i: Injection) -> None:
    """A process with many threads and two connections"""
    with i.on(""):
        worker = i.world.pool.add_guest(threads=32, url_options={"maxPoolSize": "2"})
        if worker is None:
            raise Missed("the process did not start")
        i.pause()
        i.world.pool.dismiss(worker)


@fault("cpu-starved", "workers", (1, 4))
def cpu_starved(i: Injection) -> None:
    """All processes get a tenth of the time, 10 ms out of 100"""
    with i.on(""):
        deadline = time.monotonic() + i.span
        while time.monotonic() < deadline and not i.world.over.is_set():
            starved = i.world.pool.victims()
            for worker in starved:
                worker.signal(signal.SIGSTOP)
            time.sleep(0.09)
            for worker in starved:
                worker.signal(signal.SIGCONT)
            time.sleep(0.01)


@fault("fork", "workers", (0.5, 1.5))
def fork(i: Injection) -> None:
    """A process forks while it holds a lock, and its child uses what is not its own"""
    worker = i.rng.choice(i.world.pool.victims())
    before = i.world.follower.counts["forked"]
    with i.on(worker.place):
        worker.signal(signal.SIGUSR1)
        i.until(lambda: i.world.follower.counts["forked"] > before, PATIENCE, "fork")
        i.pause()
