"""What a run is made of, decided before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

LOCKS = {"mutex": ["m0", "m1"], "shared": ["r0"], "semaphore": ["s0:3"], "election": ["e0"]}  # of `locks_each` 1
KINDS = ("mutex", "shared", "semaphore", "election", "all")  # all: several locks at once, too
LONG_LOCK = "m90"  # of the worker with the long lease, which no fault chooses
LONG_TTL_MS = 30_000


def again(lock: str, further: int) -> str:
    """r0 becomes r2, s0:3 becomes s2:3."""
    name, colon, cap = lock.partition(":")
    return f"{name[0]}{int(name[1:]) + further}{colon}{cap}"


@dataclass(frozen=True)
class Plan:
    seconds: float = 60
    seed: int = 1
    faults: Sequence[str] = ()
    cut: str = ""  # what client-cut does; by itself any of its kinds
    calm: float = 1.0  # how much longer than usual it is between faults
    kinds: Sequence[str] = KINDS
    workers: int = 4
    threads: int = 4
    locks_each: int = 1  # how many times LOCKS there are
    ttl_ms: int = 2000
    wait_period_ms: int = 1000
    clock_skew_ms: int = 500
    operation_timeout_ms: int = 4000
    hold_ms: tuple[int, int] = (5, 40)
    try_percent: int = 10
    all_percent: int = 5
    max_timeout_ms: int = 1500
    election_timeout_ms: int = 2000
    observed: bool = False
    local_turns: int = 1
    linger_ms: int = 0
    stale: bool = False  # workers write although they know that they lost their lock
    unfenced: bool = False  # and the resource lets them
    long_lease: bool = True
    planted: str = ""
    worker: str = ""  # the program with that bug in it
    beside: str = ""  # the program of another version: of every second process

    @property
    def locks(self) -> list[str]:
        kinds = [kind for kind in self.kinds if kind != "all"] or list(LOCKS)
        return [again(lock, n * len(LOCKS[kind])) for kind in kinds for n in range(self.locks_each) for lock in LOCKS[kind]]

    def worker_arguments(self) -> dict[str, str]:
        arguments = {
            "locks": ",".join(self.locks),
            "threads": self.threads,
            "ttl": self.ttl_ms,
            "wait-period": self.wait_period_ms,
            "clock-skew": self.clock_skew_ms,
            "operation-timeout": self.operation_timeout_ms,
            "hold-ms": f"{self.hold_ms[0]},{self.hold_ms[1]}",
            "max-timeout": self.max_timeout_ms,
            "try-percent": self.try_percent,
            "all-percent": self.all_percent if "all" in self.kinds else 0,
        }
        if self.observed:
            arguments["expiry"] = "observed"
        if self.local_turns > 1:
            arguments["local-turns"] = self.local_turns
        if self.linger_ms:
            arguments["linger"] = self.linger_ms
        return {key: str(value) for key, value in arguments.items()}

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "locks": self.locks, "expiry": "observed" if self.observed else "server_clock"}
