"""A server that can be made to fail: it is behind chaos-proxy."""

from __future__ import annotations

import datetime
import os
import socket
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymongo
from bson import json_util

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "security"), str(ROOT / "chaos" / "harness"), str(ROOT / "scripts")]

import roles  # noqa: E402
from proxy import Proxy  # noqa: E402

DLOCK = os.environ.get("DLOCK_BIN", "")

TEST_URL = os.environ.get("DLOCK_TEST_URL", "")
ADMIN_URL = os.environ.get("DLOCK_TEST_ADMIN_URL", "")  # then dlock has the role that docs/security.md says it needs
PATIENCE = 30.0  # for things that must happen, on a busy machine


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        if result := condition():
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for {what}")
        time.sleep(0.01)


class Server:
    """The primary, seen through a proxy that can be broken off, and with a database of its own."""

    def __init__(self) -> None:
        # dlock show and ls see what a majority has, and MongoDB 4.4 by itself would not wait for it.
        self.client = pymongo.MongoClient(ADMIN_URL or TEST_URL, w="majority")
        self.client.admin.command("ping")
        host, port = wait_for(lambda: self.client.primary, "a primary")
        self.proxy = Proxy(Path(DLOCK).with_name("chaos-proxy"))
        self.proxy.tell(f"target 0 {socket.gethostbyname(host)}:{port}")
        self.port = self.proxy.ports[0]
        self.fails = False
        self.db = "t" + uuid.uuid4().hex[:12]
        self.user = password = ""
        if ADMIN_URL:
            self.user, password = roles.make_user(self.client, roles.for_names(roles.documented()["dlock"], self.db))
        self.url = self.url_for(self.user, password)
        self.address = f"{host}:{port}"
        self.way_round = self.url.replace(f"127.0.0.1:{self.port}", self.address)  # past the proxy

    def url_for(self, user: str, password: str) -> str:
        as_user = f"{user}:{password}@" if user else ""
        return f"mongodb://{as_user}127.0.0.1:{self.port}/?directConnection=true"

    def close(self) -> None:
        self.proxy.close()
        if self.fails:  # it is the server's, and one at a time
            self.client.admin.command("configureFailPoint", "failCommand", mode="off")
        self.client.drop_database(self.db)
        if self.user:
            roles.remove_user(self.client, self.user)
        self.client.close()

    def break_off(self) -> None:
        """As a network that is down: what is sent arrives when it is mended."""
        self.proxy.tell("hold-requests any m0")
        self.proxy.tell("hold-replies any m0")

    def mend(self) -> None:
        self.proxy.tell("heal")

    def url_without_locks(self) -> str:
        self.fails = True
        application = f"silent-{self.db}"
        self.client.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data={
            "failCommands": ["findAndModify"], "blockConnection": True, "blockTimeMS": 8000, "appName": application})
        return f"{self.url}&appName={application}"

    def evict(self, lock: str) -> None:
        self.client[self.db].dlocks.delete_one({"_id": lock})

    def hold_as_mongo_dlock(self, lock: str) -> None:
        now = datetime.datetime.now(datetime.timezone.utc)
        self.client[self.db].dlocks.insert_one({"_id": lock, "lockd": True, "ct": now,
                                                "et": now + datetime.timedelta(seconds=60)})

    def documents(self) -> list[Any]:
        return list(self.client[self.db].dlocks.find())

    def account(self) -> str:
        """The locks' documents, if the server answers soon."""
        with pymongo.MongoClient(ADMIN_URL or TEST_URL, serverSelectionTimeoutMS=3000, socketTimeoutMS=3000) as client:
            return "\n".join(json_util.dumps(each) for each in client[self.db].dlocks.find())
