"""Watches a run: who is primary, and how it goes."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pymongo
from pymongo.errors import PyMongoError

from progress import say

if TYPE_CHECKING:
    from world import World

EVERY = 10.0  # seconds between two lines of progress


class Observer:
    """Two threads, until close()."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._over = threading.Event()
        self._primary: tuple[int, int] | None = None
        self.elections = 0
        self._began = time.monotonic()
        self._threads = [threading.Thread(target=self._watch_primary), threading.Thread(target=self._report)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _watch_primary(self) -> None:
        clients: list[pymongo.MongoClient] = [
            self._world.set.connect(index, serverSelectionTimeoutMS=300, socketTimeoutMS=300, connectTimeoutMS=300)
            for index in range(3)]
        while not self._over.wait(0.2):
            for index, client in enumerate(clients):
                try:
                    hello = client.admin.command("hello")
                except PyMongoError:
                    continue
                if hello.get("isWritablePrimary"):
                    self._saw(index, int(str(hello["electionId"])[8:], 16))
        for client in clients:
            client.close()

    def _saw(self, member: int, term: int) -> None:
        if self._primary is None or term > self._primary[1]:
            self.elections += self._primary is not None
            self._primary = (member, term)
            self._world.history.write("primary", member=member, term=term)

    def _report(self) -> None:
        next_line = time.monotonic() + EVERY
        while not self._over.wait(0.1):
            self._world.follower.look()
            if time.monotonic() < next_line:
                continue
            next_line += EVERY
            counts = self._world.follower.counts
            say(f"  {time.monotonic() - self._began:4.0f} s: {counts['acquired']} acquisitions, {self.elections} elections, "
                f"{sum(self._world.injected.values())} faults, {counts['leases lost']} leases lost, "
                f"{counts['in doubt'] + counts['unknown']} unknown")
