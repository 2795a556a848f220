#!/usr/bin/python3
"""dlock and mongo-dlock (node) in one collection and on one notification channel: real processes of both sides.

node_peer.js sends what mongo-dlock 1.x and 2.x send, and 1.x's notifications go through the very mubsub that it uses.
test_node.py CLASS... runs those classes; exit status 77: node, or its packages, are not there.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import unittest
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymongo

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import telling  # noqa: E402
from peer import PATIENCE, Peer, modules  # noqa: E402

URL = os.environ.get("DLOCK_TEST_URL", "")
SKIPPED = 77
SOON = 15.0  # far from PERIOD: somebody was woken
PERIOD = 45_000  # ms; how often a waiter polls that nothing wakes
TTL = 60_000  # ms; longer than any test


class Case(unittest.TestCase):
    """A database of locks, a channel, and an id of its own for each test."""

    def setUp(self) -> None:
        self.mongo: Any = pymongo.MongoClient(URL)
        self.addCleanup(self.mongo.close)
        self.db = "n" + uuid.uuid4().hex[:12]
        self.notif_db = self.db + "_notif"
        for name in (self.db, self.notif_db):
            self.addCleanup(self.mongo.drop_database, name)
        self.notif_url = urlsplit(URL)._replace(path="/" + self.notif_db).geturl()
        self.channel = "events"
        self.lock = self._testMethodName
        self.locks = self.mongo[self.db].dlocks
        self.peers: list[Peer] = []

    def account(self) -> str:
        """For people who ask why it failed."""
        told = [line for peer in self.peers for line in peer.account()]
        return "\n".join([f"{time.monotonic():.3f} now", *told, "documents:", *(f"  {each}" for each in self.locks.find())])

    def node(self, version: int = 1, patched: bool = True, channel: str | None = None) -> Peer:
        """Not patched: ends at its start if the channel is there already (MongoDB 5 and 6)."""
        node = shutil.which("node") or ""
        patch = ["-r", str(HERE / "mubsub_exists.js")] if patched else []
        name = self.channel if channel is None else channel
        return self._peer([node, *patch, str(HERE / "node_peer.js"), str(version), URL, self.db, self.notif_url,
                           name if version == 1 else ""])

    def dlock(self, ttl: int = TTL, period: int = PERIOD) -> Peer:
        return self._peer([os.environ["DLOCK_PEER"], URL, self.db, self.notif_url, self.channel, str(ttl), str(period)])

    def _peer(self, command: list[str]) -> Peer:
        peer = Peer(command, {**os.environ, "NODE_PATH": MODULES})
        self.addCleanup(peer.end)
        self.peers.append(peer)
        return peer

    def dlock_run(self, *words: str) -> list[str]:
        return [os.environ["DLOCK_BIN"], "run", "--url", URL, "--db", self.db, "--notif_url", self.notif_url,
                "--notif_channel", self.channel, *words]

    def versions(self) -> list[tuple[int, Peer]]:
        return [(1, self.node(1)), (2, self.node(2))]

    def use(self, ours: Peer, lock: str) -> None:
        """Ours acquires it and gives it back."""
        self.assertEqual(ours("try", lock), "acquired")
        self.assertEqual(ours("unlock", lock), "released")

    def await_waiters(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while len((self.locks.find_one({"_id": self.lock}) or {}).get("waiters", [])) != count:
            self.assertLess(time.monotonic(), deadline, f"{count} in the queue")
            time.sleep(0.01)

    @contextmanager
    def within(self, seconds: float = SOON) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.assertLess(time.monotonic() - began, seconds)

    @contextmanager
    def command_runs(self) -> Iterator[subprocess.Popen[str]]:
        """Under `dlock run`; it ends when it has read a line."""
        with subprocess.Popen(self.dlock_run(self.lock, "sh", "-c", "echo in; read end"), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as run:
            self.assertTrue(select.select([run.stdout], [], [], PATIENCE)[0], "the command does not run")
            self.assertEqual(run.stdout.readline(), "in\n")
            yield run


class Exclusion(Case):
    def test_node_keeps_us_out(self) -> None:
        ours = self.dlock()
        for version, node in self.versions():
            with self.subTest(version=version):
                self.assertTrue(node("lock", self.lock, TTL))
                self.assertEqual(ours("try", self.lock), "busy")
                self.assertEqual(ours("wait", self.lock, 2000), "timed_out")
                self.assertTrue(node("unlock", self.lock))
                self.use(ours, self.lock)

    def test_we_keep_node_out(self) -> None:
        ours = self.dlock()
        for version, node in self.versions():
            with self.subTest(version=version):
                self.assertEqual(ours("try", self.lock), "acquired")
                self.assertFalse(node("lock", self.lock, TTL))
                self.assertEqual(ours("unlock", self.lock), "released")
                time.sleep(0.01)  # node: et < now
                self.assertTrue(node("lock", self.lock, TTL))
                self.assertTrue(node("unlock", self.lock))

    def test_versions_1_refresh_and_unlock_do_not_touch_ours(self) -> None:
        ours, node = self.dlock(), self.node()
        self.assertEqual(ours("try", self.lock), "acquired")
        before = self.locks.find_one({"_id": self.lock})
        self.assertFalse(node("refresh", self.lock, TTL))
        self.assertFalse(node("unlock", self.lock))
        self.assertEqual(self.locks.find_one({"_id": self.lock}), before)
        self.assertEqual(ours("unlock", self.lock), "released")
        freed = self.locks.find_one({"_id": self.lock})
        self.assertFalse(node("refresh", self.lock, TTL) or node("unlock", self.lock))
        self.assertEqual(self.locks.find_one({"_id": self.lock}), freed)

    def test_the_command_and_node(self) -> None:
        node = self.node()
        self.assertTrue(node("lock", self.lock, TTL))
        self.assertEqual(subprocess.run(self.dlock_run("-v", "-n", self.lock, "true"), check=False).returncode, 124)
        self.assertTrue(node("unlock", self.lock))
        with self.command_runs() as run:
            self.assertFalse(node("lock", self.lock, TTL))
            run.communicate("\n", timeout=PATIENCE)
        self.assertEqual(run.returncode, 0)
        time.sleep(0.01)
        self.assertTrue(node("lock", self.lock, TTL))

    def test_both_at_once(self) -> None:
        """Four participants fight for one lock; whoever has it is alone."""
        peers = [(self.dlock(period=300), "wait {} 50000", "acquired") for _ in range(2)]
        peers += [(self.node(), "wait {} %d 300" % TTL, True) for _ in range(2)]
        inside: list[int] = []
        rounds = [0] * len(peers)
        problems: list[str] = []

        def take_part(me: int) -> None:
            peer, wait, got = peers[me]
            for _ in range(25):
                if peer(*wait.format(self.lock).split()) != got:
                    problems.append(f"{me} did not get in")
                    return
                inside.append(me)
                if inside != [me]:
                    problems.append(f"together inside: {inside}")
                time.sleep(0.002)
                inside.remove(me)
                peer("unlock", self.lock)
                rounds[me] += 1

        with ThreadPoolExecutor(len(peers)) as threads:
            list(threads.map(take_part, range(len(peers))))
        self.assertEqual(problems, [])
        self.assertEqual(rounds, [25] * len(peers))


class TakeOver(Case):
    """Of the lock of somebody who is dead."""

    def test_we_take_over_from_node(self) -> None:
        ours = self.dlock()
        for version, node in self.versions():
            with self.subTest(version=version):
                began = time.monotonic()
                self.assertTrue(node("lock", self.lock, 1500))
                node.kill()
                self.assertEqual(ours("wait", self.lock, 30_000), "acquired")
                took = time.monotonic() - began
                self.assertTrue(1.5 <= took < 1.5 + SOON, f"{took:.2f} s")
                self.assertEqual(ours("unlock", self.lock), "released")

    def test_node_takes_over_from_us(self) -> None:
        for version, node in self.versions():
            with self.subTest(version=version):
                ours = self.dlock(ttl=1500)
                began = time.monotonic()
                self.assertEqual(ours("try", self.lock), "acquired")
                ours.kill()
                self.assertTrue(node("wait", self.lock, TTL, 100))
                took = time.monotonic() - began
                self.assertTrue(1.5 <= took < 1.5 + SOON, f"{took:.2f} s")
                self.assertTrue(node("unlock", self.lock))

    def test_a_holder_that_node_evicted_is_told_so(self) -> None:
        ours, node = self.dlock(ttl=3000), self.node()
        self.assertEqual(ours("try", self.lock), "acquired")
        ours.process.send_signal(signal.SIGSTOP)
        self.assertTrue(node("wait", self.lock, TTL, 100))
        ours.process.send_signal(signal.SIGCONT)
        self.assertEqual(ours("unlock", self.lock), "lost")
        self.assertTrue(node("unlock", self.lock), "and it took nothing from node")


class Waking(Case):
    """PERIOD passes between two polls: a waiter that gets the lock soon was woken."""

    def test_nodes_unlock_wakes_us(self) -> None:
        node, ours = self.node(), self.dlock()
        self.assertTrue(node("lock", self.lock, TTL))
        waiting = ours.begin("wait", self.lock, TTL)
        self.await_waiters(1)
        time.sleep(13)  # each pause between its polls is twice as long as the last one: the next poll is 6 s away, at least
        self.assertFalse(ours.has_result(waiting))
        with self.within(5.0):
            self.assertTrue(node("unlock", self.lock))
            self.assertEqual(ours.result(waiting), "acquired")

    def test_nodes_unlock_wakes_all_of_us_one_after_the_other(self) -> None:
        node, first, second = self.node(), self.dlock(), self.dlock()
        self.assertTrue(node("lock", self.lock, TTL))
        waiting = {peer: peer.begin("wait", self.lock, TTL) for peer in (first, second)}
        self.await_waiters(2)
        time.sleep(2)
        self.assertTrue(node("unlock", self.lock))
        began = time.monotonic()
        while not any(peer.has_result(n) for peer, n in waiting.items()):
            self.assertLess(time.monotonic() - began, SOON)
            time.sleep(0.01)
        winner, other = (first, second) if first.has_result(waiting[first]) else (second, first)
        self.await_waiters(1)  # the queue was deleted: the other came back
        self.assertFalse(other.has_result(waiting[other]))
        with self.within():
            self.assertEqual(winner("unlock", self.lock), "released")
            self.assertEqual(other.result(waiting[other]), "acquired")

    def test_our_unlock_wakes_node(self) -> None:
        node, ours = self.node(), self.dlock()
        self.assertEqual(ours("try", self.lock), "acquired")
        waiting = node.begin("wait", self.lock, TTL, PERIOD)
        time.sleep(3)
        self.assertFalse(node.has_result(waiting))
        with self.within():
            self.assertEqual(ours("unlock", self.lock), "released")
            self.assertIs(node.result(waiting), True)

    def test_the_commands_end_wakes_node(self) -> None:
        """A process that ends tries for a moment to tell of it, on a busy machine in vain, but not always."""
        node = self.node()
        took: list[float] = []
        while not took or (took[-1] > SOON and len(took) < 3):
            with self.command_runs() as run:
                waiting = node.begin("wait", self.lock, TTL, PERIOD)
                time.sleep(3)
                self.assertFalse(node.has_result(waiting))
                began = time.monotonic()
                run.communicate("\n", timeout=PATIENCE)
            self.assertIs(node.result(waiting), True)
            took.append(time.monotonic() - began)
            self.assertTrue(node("unlock", self.lock))
        self.assertLess(took[-1], SOON)

    def test_version_2s_unlock_is_found_by_a_poll(self) -> None:
        node, ours = self.node(2), self.dlock(period=1000)
        self.assertTrue(node("lock", self.lock, TTL))
        waiting = ours.begin("wait", self.lock, TTL)
        self.await_waiters(1)
        self.assertTrue(node("unlock", self.lock))
        with self.within():
            self.assertEqual(ours.result(waiting), "acquired")


class Channel(Case):
    """mubsub sees the events after its start whose ObjectIds, made by their publishers' clocks to the second, are above
    the newest it found: so each test waits a second after mubsub's start."""

    def listener(self, *words: str, patched: bool = True) -> Peer:
        node = self.node(patched=patched)
        self.assertTrue(node("subscribe", *words))
        time.sleep(1.1)
        return node

    def test_mubsub_as_it_is_makes_the_channel_and_we_join(self) -> None:
        node = self.listener(self.lock, patched=False)
        ours = self.dlock()
        self.use(ours, self.lock)
        events = node.await_events(2)
        self.assertEqual([event["message"]["id"] for event in events], [self.lock] * 2)
        self.assertEqual([event["message"]["locked"] for event in events], [True, False])
        self.assertGreaterEqual(events[0]["message"]["waited"], 0)  # which mongo-dlock and mubsub do not know
        self.assertGreaterEqual(events[1]["message"]["held"], 0)

    def test_we_make_the_channel_as_mubsub_does_and_it_joins(self) -> None:
        ours = self.dlock()
        self.assertTrue(ours("subscribe"))
        made = self.mongo[self.notif_db].command("listCollections", filter={"name": self.channel})
        self.assertEqual(made["cursor"]["firstBatch"][0]["options"], {"capped": True, "size": 5242880})
        node = self.listener(self.lock)
        self.use(ours, self.lock)
        self.assertEqual([event["message"]["locked"] for event in node.await_events(2)], [True, False])
        self.assertTrue(node("lock", self.lock, TTL))
        self.assertEqual(len(ours.await_events(3)), 3)

    def test_all_listeners_of_mubsub_hear_of_the_command(self) -> None:
        """A process that ends tries for a moment to tell of it, on a busy machine in vain; then there is another one."""
        listeners = [self.listener(), self.listener(self.lock)]

        def heard(node: Peer) -> list[tuple[str, bool]]:
            return [(event["message"]["id"], event["message"]["locked"]) for event in node.events()]

        def all_heard() -> bool:
            for node in listeners:  # what is missing comes again with another job; nothing comes twice, or the other way round
                said = [(event["message"]["token"], not event["message"]["locked"]) for event in node.events()]
                self.assertEqual(said, sorted(set(said)))
            return all(heard(node)[-2:] == [(self.lock, True), (self.lock, False)] for node in listeners)

        for _ in range(5):
            subprocess.run(self.dlock_run(self.lock, "true"), check=True)
            deadline = time.monotonic() + 10
            while not all_heard() and time.monotonic() < deadline:
                time.sleep(0.01)
            if all_heard():
                return
        self.fail(f"no job was told of in full: {[heard(node) for node in listeners]}")

    def test_we_hear_of_nodes_locks(self) -> None:
        node, ours, all_of_them = self.node(), self.dlock(), self.dlock()
        self.assertTrue(ours("subscribe", self.lock))
        self.assertTrue(all_of_them("subscribe"))
        self.assertTrue(node("lock", "other", TTL))
        self.assertTrue(node("lock", self.lock, TTL))
        self.assertTrue(node("unlock", self.lock))
        expected = [{"event": what, "id": lock, "token": 0, "who": ""}
                    for what, lock in (("locked", "other"), ("locked", self.lock), ("unlocked", self.lock))]
        self.assertEqual(all_of_them.await_events(3), expected)
        self.assertEqual(ours.await_events(2), expected[1:])

    def test_keep_alives_and_what_is_no_event_of_a_lock_are_skipped(self) -> None:
        node, ours = self.node(), self.dlock()
        self.assertTrue(ours("subscribe"))
        self.assertTrue(node("insert", '{"dummy": true}'))
        for event, message in (("news", {"text": "hello"}), ("news", "text"), ("news", None), ("news", 7),
                               ("news", [True]), ("news", {"id": "news"}), ("news", {"id": "news", "locked": 1}),
                               ("news", {"id": 5, "locked": True}), ("news", {"id": "", "locked": True}),
                               ("news", {"id": "something else", "locked": True})):
            self.assertTrue(node("publish", event, json.dumps(message)))
        self.assertTrue(node("insert", '{"message": {"id": "x", "locked": true}}'))
        self.assertTrue(node("insert", '{"event": 5, "message": {"id": 5, "locked": true}}'))
        self.assertTrue(node("lock", self.lock, TTL))
        self.assertEqual([event["id"] for event in ours.await_events(1)], [self.lock])

    def test_events_that_are_no_unlock_end_no_wait(self) -> None:
        node, ours = self.node(), self.dlock()
        self.assertTrue(node("lock", self.lock, TTL))
        waiting = ours.begin("wait", self.lock, TTL)
        self.await_waiters(1)
        self.assertTrue(node("publish", self.lock, json.dumps({"id": self.lock, "locked": False})))  # a lie
        self.assertTrue(node("publish", self.lock, json.dumps({"locked": False})))
        time.sleep(0.5)
        self.assertFalse(ours.has_result(waiting), "an event is a hint")
        self.assertTrue(node("unlock", self.lock))
        self.assertEqual(ours.result(waiting), "acquired")

    def test_a_lock_named_error_is_not_announced(self) -> None:
        """mubsub would emit it as an 'error' that nobody handles, and its process would end."""
        node, ours = self.listener(), self.dlock()
        for lock in ("error", self.lock):
            self.use(ours, lock)
        self.assertEqual([event["message"]["id"] for event in node.await_events(2)], [self.lock] * 2)
        self.assertEqual(self.mongo[self.notif_db][self.channel].count_documents({"event": "error"}), 0)
        self.assertIsNone(node.process.poll())


if __name__ == "__main__":
    if not URL:
        sys.exit("DLOCK_TEST_URL is not set: run this under scripts/replica_set.py run --")
    MODULES = modules()
    if not MODULES:
        sys.exit(SKIPPED)
    unittest.main(testRunner=unittest.TextTestRunner(verbosity=2, resultclass=telling.Result))
