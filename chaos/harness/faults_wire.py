"""Faults between clients and the server: lost and late replies, a server that cannot promise, notifications that fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

from faults import Injection, Missed, fault

CHANNEL = "mongo_dlock_notif"  # both the database and the collection: the library's defaults
PATIENCE = 8.0  # seconds: another lane's fault may be in the way


def _spoil_replies(i: Injection, verb: str, counter: str) -> None:
    proxy, times = i.world.set.proxy, i.rng.randint(1, 5)
    before = proxy.count(counter)
    with i.on("", times=times):
        proxy.tell(f"{verb} client any {times} findAndModify")
        try:
            i.until(lambda: proxy.count(counter) > before, PATIENCE, "request")
            i.pause()
        finally:
            proxy.tell("swallow client any 0 nothing")


@fault("swallow-reply", "wire", (0.3, 1))
def swallow_reply(i: Injection) -> None:
    """A request is carried out, its reply never arrives, and the connection is reset"""
    _spoil_replies(i, "swallow", "swallowed")


@fault("reset-mid-reply", "wire", (0.3, 1))
def reset_mid_reply(i: Injection) -> None:
    """Half of a reply arrives, then the connection is reset"""
    _spoil_replies(i, "half", "halved")


@fault("delay-reply", "wire", (1.5, 5))
def delay_reply(i: Injection) -> None:
    """All replies arrive late, many after the deadline of who waits for them"""
    proxy, delay_ms = i.world.set.proxy, i.rng.choice([100, 500, 1500, 4000])
    before = proxy.count("delayed")
    with i.on("", delay_ms=delay_ms):
        proxy.tell(f"delay client any {delay_ms}")
        try:
            i.until(lambda: proxy.count("delayed") > before, PATIENCE, "reply")
            i.pause()
        finally:
            proxy.tell("delay client any 0")


def _on_primary(i: Injection, use: Callable[[pymongo.MongoClient], Any]) -> Any:
    """Runs `use` with a connection to the primary, past the proxy. There may be none just now, or none that works: then
    again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with i.world.set.connect(i.world.set.primary(), serverSelectionTimeoutMS=2000, socketTimeoutMS=5000) as client:
                return use(client)
        except PyMongoError as error:
            if time.monotonic() > deadline or i.world.over.is_set():
                raise Missed(f"the primary: {error}") from error
            time.sleep(0.1)


@fault("write-concern-fails", "wire", (0.5, 1.5))
def write_concern_fails(i: Injection) -> None:
    """Requests are carried out, but the primary says that it cannot promise them"""
    times, code = i.rng.randint(1, 6), i.rng.choice([64, 91, 11602])
    data = {"failCommands": ["findAndModify"], "writeConcernError": {"code": code, "errmsg": "made up by ./run chaos"}}

    def count(client: pymongo.MongoClient, mode: Any) -> int:
        return client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})["count"]

    with i.on("", times=times, code=code):
        deadline = time.monotonic() + PATIENCE
        while True:
            before = _on_primary(i, lambda client: count(client, {"times": times}))
            i.pause()
            if _on_primary(i, lambda client: count(client, "off")) > before:
                return
            if time.monotonic() > deadline or i.world.over.is_set():
                raise Missed("no request came, or the primary has changed")


def _notification_collections(client: pymongo.MongoClient) -> list[str]:
    names = [name for name in client[CHANNEL].list_collection_names() if name.startswith(CHANNEL)]
    if not names:
        raise Missed("nobody has been notified yet")
    return names


@fault("notify-dropped", "wire", (0.5, 2))
def notify_dropped(i: Injection) -> None:
    """The collections of the notifications are dropped"""

    def drop(client: pymongo.MongoClient) -> None:
        for name in _notification_collections(client):
            client[CHANNEL].drop_collection(name)

    with i.on(""):
        _on_primary(i, drop)
        i.pause()


@fault("notify-rolled", "wire", (0.5, 2), recovery=0.6)
def notify_rolled(i: Injection) -> None:
    """The collections of the notifications become tiny, and what is in them is overwritten"""

    def roll(client: pymongo.MongoClient) -> None:
        for name in _notification_collections(client):
            collection = client[CHANNEL][name]
            collection.drop()
            try:
                client[CHANNEL].command("create", name, capped=True, size=4096)
            except OperationFailure:
                pass  # somebody was faster
            collection.insert_many([{"dummy": True, "filler": "x" * 200} for _ in range(40)])

    with i.on(""):
        _on_primary(i, roll)
        i.pause()


@fault("notify-cursor-killed", "wire", (0.5, 2))
def notify_cursor_killed(i: Injection) -> None:
    """The cursors on the notifications are killed"""

    def kill(client: pymongo.MongoClient) -> int:
        killed = 0
        for each in client.admin.aggregate([{"$currentOp": {"allUsers": True, "idleCursors": True}},
                                            {"$match": {"ns": {"$regex": f"^{CHANNEL}\\."}, "cursor": {"$exists": True}}}]):
            database, collection = each["ns"].split(".", 1)
            done = client[database].command({"killCursors": collection, "cursors": [each["cursor"]["cursorId"]]})
            killed += len(done["cursorsKilled"])
        return killed

    with i.on(""):
        if _on_primary(i, kill) == 0:
            raise Missed("there was no cursor")
        i.pause()


@fault("operator-edit", "wire", (0.5, 2))
def operator_edit(i: Injection) -> None:
    """Somebody deletes the document of a lock in use, or edits it"""

    def pick(client: pymongo.MongoClient) -> str:
        names = [name.split(":")[0] for name in i.world.plan.locks]
        used = [each["_id"] for each in client.dlocks.dlocks.find({"_id": {"$in": names}, "holders.0": {"$exists": True}})]
        if not used:
            raise Missed("no lock was in use")
        return i.rng.choice(sorted(used))

    edits: dict[str, Callable[[Any, str], Any]] = {
        "deleted": lambda locks, name: locks.delete_one({"_id": name}),
        "no holders": lambda locks, name: locks.update_one({"_id": name}, {"$set": {"holders": []}}),
        "no waiters": lambda locks, name: locks.update_one({"_id": name}, {"$set": {"waiters": []}}),
        "nobody": lambda locks, name: locks.update_one({"_id": name}, {"$set": {"holders": [], "waiters": []}}),
    }
    name, kind = _on_primary(i, pick), i.rng.choice(sorted(edits))
    with i.on(name, kind=kind):
        _on_primary(i, lambda client: edits[kind](client.dlocks.dlocks.with_options(
            write_concern=pymongo.WriteConcern("majority", wtimeout=3000)), name))
        i.pause()
