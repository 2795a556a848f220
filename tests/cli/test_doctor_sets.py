#!/usr/bin/python3
"""dlock doctor on sets of its own: members that are down, clocks that differ, and a server that is in no set."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pymongo
from harness import DLOCK, Case, main, mongod, wait_for
from private_set import Member, ReplicaSet, free_port
from proxied_set import clock_environment, write_clock


class ShiftedSet(ReplicaSet):
    """Each member has a wall clock of its own."""

    def _new_member(self, index: int) -> Member:
        self.shift(index, 0)
        return super()._new_member(index)

    def _environment(self, index: int) -> dict[str, str]:
        return os.environ | clock_environment(Path(DLOCK).parent, self.folder / f"clock.{index}")

    def shift(self, index: int, seconds: float) -> None:
        write_clock(self.folder / f"clock.{index}", int(seconds * 1e9))


class Sets(Case):
    def examine(self, url: str, *words: str) -> tuple[int, Any, float]:
        self.environment["DLOCK_URL"] = url
        began = time.monotonic()
        result = self.run_to_end("--json", *words, verb="doctor")
        self.assertEqual(result.stderr, "")
        return result.returncode, json.loads(result.stdout), time.monotonic() - began

    def findings(self, url: str, *words: str) -> dict[str, list[str]]:
        """By check, what was seen."""
        status, seen, took = self.examine(url, *words)
        self.assertLess(took, 5)
        found: dict[str, list[str]] = {}
        for each in seen["checks"]:
            if each["level"] == "finding":
                found.setdefault(each["check"], []).append(each["what"])
        self.assertEqual(status, 1 if found else 0)
        return found

    def down_and_up(self, rs: ReplicaSet) -> None:
        self.assertEqual(self.findings(rs.url), {})
        status, seen, _ = self.examine(rs.url, "--write")
        self.assertEqual((status, seen["checks"][-1]["level"]), (0, "ok"), seen)
        self.assertEqual(sorted(each["state"] for each in seen["members"]), ["primary", "secondary", "secondary"])
        first = rs.primary()
        one, other = (index for index in range(3) if index != first)
        rs.freeze(one)
        frozen = self.findings(rs.url)
        rs.thaw(one)
        self.assertEqual([*frozen], ["members"])
        self.assertIn(f"{rs.members[one].address} does not answer: ", frozen["members"][0])
        rs.kill(one)
        self.assertEqual([*self.findings(rs.url)], ["members"])
        self.assertEqual([*self.findings(f"mongodb://{rs.members[first].address}/")], ["members"], "found by one")
        rs.kill(other)

        def without_primary() -> dict[str, list[str]] | None:
            """Before, the primary that steps down may be "neither primary nor secondary"."""
            seen = self.findings(rs.url)
            return seen if len(seen["members"]) == 3 and seen["members"][0].startswith("there is no primary: ") else None

        found = wait_for(without_primary, "doctor to find that there is no primary")
        self.assertEqual({*found}, {"members", "majority"})

    def test_members_down(self) -> None:
        with self.own_set(nodes=3) as rs:
            self.down_and_up(rs)

    def test_clocks_that_differ(self) -> None:
        if mongod.find() is None:
            self.skipTest("there is no mongod")
        with ShiftedSet(nodes=3) as rs:
            self.assertEqual(self.findings(rs.url), {})
            first = rs.primary()
            one, other = (index for index in range(3) if index != first)
            rs.shift(one, 0.8)
            found = self.findings(rs.url)
            self.assertEqual([*found], ["clocks"])
            self.assertRegex(found["clocks"][0], rf"\Athe clock of {rs.members[one].address} is [78]\d\d\.\d ms .* more than clock_skew")
            self.assertEqual(self.findings(rs.url, "--clock_skew", "2s"), {})
            rs.shift(one, -0.3)
            rs.shift(other, 0.3)
            self.assertEqual([*self.findings(rs.url)], ["clocks"], "each is within clock_skew of the primary, but not of the other")

    def test_standalone(self) -> None:
        binary = mongod.find()
        if binary is None:
            self.skipTest("there is no mongod")
        port, data = free_port(), tempfile.mkdtemp(dir=self.folder)
        self.mortal(str(binary), "--dbpath", data, "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket",
                    "--wiredTigerCacheSizeGB", "0.25", "--logpath", str(Path(data) / "mongod.log"))
        url = f"mongodb://127.0.0.1:{port}/"
        with pymongo.MongoClient(url, serverSelectionTimeoutMS=60_000) as client:
            client.admin.command("ping")
        self.assertEqual([*self.findings(url)], ["topology"])


if __name__ == "__main__":
    main()
