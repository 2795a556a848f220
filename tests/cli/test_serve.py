#!/usr/bin/python3
"""dlock serve: what it answers, and what it pushes to whoever looks. The page itself: tests/page."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from harness import PATIENCE, OnOwnChannel, main, read_line, wait_for

TOKEN = "a-token-of-nobody-else"


class Viewer:
    """Reads the stream, as the page does."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.connection.request("GET", "/api/stream", headers=headers)
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.status
        assert self.response.headers["Content-Type"] == "text/event-stream"
        self.locks: dict[str, Any] = {}

    def next(self) -> tuple[str, Any]:
        name, data = (self.response.readline().decode() for _ in range(2))
        assert self.response.readline() == b"\n", (name, data)
        assert name.startswith("event: ") and data.startswith("data: "), (name, data)
        event, told = name[7:].strip(), json.loads(data[6:])
        if event == "locks":
            if told["full"]:
                self.locks = {}
            self.locks |= {lock["id"]: lock for lock in told["locks"]}
            for lock in told["gone"]:
                del self.locks[lock]
        return event, told

    def wait_for(self, wanted: str, condition: Callable[[Any], Any] = lambda _: True) -> Any:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            event, told = self.next()
            if event == wanted and condition(told):
                return told
        raise AssertionError(f"no such {wanted}")

    def close(self) -> None:
        self.response.close()
        self.connection.close()


class Serve(OnOwnChannel):
    def serve(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        self.headers: dict[str, str] = {}
        self.process = self.start("--listen", "127.0.0.1:0", *words, verb="serve", **options)
        self.said = []
        while not (found := re.fullmatch(r"dlock: listening on http://127\.0\.0\.1:(\d+)/\n", line := read_line(self.process.stderr))):
            assert line, f"it ended, and said {self.said}"
            self.said.append(line)
        self.port = int(found[1])
        return self.process

    def get(self, path: str, status: int = 200) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", path, headers=self.headers)
        response = connection.getresponse()
        text = response.read().decode()
        self.answer_headers = response.headers
        connection.close()
        self.assertEqual(response.status, status, text)
        return text

    def json(self, path: str) -> Any:
        text = self.get(path)
        self.assertEqual(self.answer_headers["Content-Type"], "application/json")
        return json.loads(text)

    def viewer(self) -> Viewer:
        viewer = Viewer(self.port, self.headers)
        self.addCleanup(viewer.close)
        return viewer

    def details(self, lock: str) -> Any:
        return self.json(f"/api/lock?id={quote(lock, safe='')}")

    def test_the_page(self) -> None:
        self.serve()
        html = self.get("/")
        self.assertIn("default-src 'self'", self.answer_headers["Content-Security-Policy"])
        kinds = {"page.js": "text/javascript", "page.css": "text/css", "icon.svg": "image/svg+xml", "licenses.txt": "text/plain"}
        for path in re.findall(r'(?:href|src)="([^"]+)"', html) + ["licenses.txt"]:
            self.assertTrue(self.get("/" + path))
            self.assertEqual(self.answer_headers["Content-Type"].split(";")[0], kinds[path])
        self.assertNotRegex(html, r"<script>|<style|style=|\son\w+=")
        self.get("/nothing", status=404)

    def test_changes_are_pushed(self) -> None:
        self.hold_lock("--ttl", "5m", "other")
        self.serve("--long-hold", "2h")
        viewer = self.viewer()
        about = viewer.wait_for("about")
        self.assertEqual((about["collection"], about["prefix"]), (f"{self.server.db}.dlocks", ""))
        self.assertEqual((about["long_hold"], about["long_wait"]), (7200000, 3600000))
        full = viewer.wait_for("locks")
        self.assertEqual((full["full"], [*viewer.locks]), (True, ["other"]))
        holder = self.hold_lock("--ttl", "5m", self.lock)
        told = viewer.wait_for("locks", lambda told: self.lock in viewer.locks and viewer.locks[self.lock]["holders"])
        self.assertEqual([lock["id"] for lock in told["locks"]], [self.lock])
        self.assertEqual({**viewer.locks[self.lock], "at": 0}, {**{name: value for name, value in self.look(self.lock).items() if name in viewer.locks[self.lock]}, "at": 0})
        self.wait_in_queue(self.lock, "true")
        viewer.wait_for("locks", lambda told: len(viewer.locks[self.lock]["waiters"]) == 1)
        self.end_job(holder)
        viewer.wait_for("locks", lambda told: not viewer.locks[self.lock]["holders"] and not viewer.locks[self.lock]["waiters"])
        self.server.evict(self.lock)
        self.assertEqual(viewer.wait_for("locks", lambda told: told["gone"])["gone"], [self.lock])

    def test_prefix(self) -> None:
        for lock in ("app.a", "appx", "app.b", "other"):
            self.assertEqual(self.run_to_end(lock, "true").returncode, 0)
        self.serve("--prefix", "app.")
        self.assertEqual([lock["id"] for lock in self.json("/api/locks")], ["app.a", "app.b"])
        viewer = self.viewer()
        viewer.wait_for("locks")
        self.assertEqual([*viewer.locks], ["app.a", "app.b"])

    def test_all_locks(self) -> None:
        self.hold_lock("--ttl", "5m", self.lock)
        self.hold_lock("--ttl", "5m", "--permits", "3", "two words")
        self.serve()
        as_ls = json.loads(self.run_to_end("--json", "-a", verb="ls").stdout)
        self.assertEqual([{**lock, "at": 0} for lock in self.json("/api/locks")], [{**lock, "at": 0} for lock in as_ls])

    def test_one_lock(self) -> None:
        self.serve()
        self.assertEqual((self.details(self.lock)["lock"], self.details(self.lock)["grants"]), (None, []))
        odd = "a/b?c=d&\u202e<script>"

        def grants() -> Any:
            self.assertEqual(self.run_to_end("--id", odd, "sleep", "0.05").returncode, 0)
            return [grant for grant in self.details(odd)["grants"] if grant["held"] is not None]

        grant = wait_for(grants, "a grant that has ended")[0]
        self.assertRegex(grant["who"], r":\d+ sleep\Z")
        self.assertGreaterEqual(grant["held"], 0.05)
        self.assertGreaterEqual(grant["waited"], 0)
        self.assertEqual((grant["foreign"], grant["lost"]), (False, False))
        self.assertEqual(self.details(odd)["lock"]["id"], odd)
        run = self.details(odd)["runs"][0]
        self.assertEqual((run["who"], run["end"], run["status"]), (grant["who"], "ended", 0))
        self.get("/api/lock", status=400)
        self.get("/api/lock?id=", status=400)
        self.server.client[self.server.db].dlocks.insert_one({"_id": "foreign", "holders": 7})
        self.assertIn("foreign", self.get("/api/lock?id=foreign", status=400))

    def test_an_outage_is_told_with_the_age_of_the_data(self) -> None:
        self.hold_lock("--ttl", "5m", self.lock)
        self.serve()
        viewer = self.viewer()
        self.assertIsNone(viewer.wait_for("state")["problem"])
        self.server.break_off()
        age = viewer.wait_for("state", lambda told: told["problem"])["age"]
        self.assertGreater(viewer.wait_for("state")["age"], age)
        late = self.viewer()  # sees what is known
        late.wait_for("locks")
        self.assertEqual([*late.locks], [self.lock])
        self.assertTrue(late.wait_for("state")["problem"])
        self.server.mend()
        self.assertLess(viewer.wait_for("state", lambda told: not told["problem"])["age"], 5)
        self.hold_lock("after")
        for each in (viewer, late):
            each.wait_for("locks", lambda told, each=each: "after" in each.locks)

    def test_it_starts_while_the_server_is_away(self) -> None:
        self.server.break_off()
        self.serve("--connect-timeout", "1")
        self.assertRegex("".join(self.said), r"; trying again\n\Z")
        viewer = self.viewer()
        self.assertIsNone(viewer.wait_for("state", lambda told: told["problem"])["age"])
        self.get("/api/locks", status=503)
        self.get("/api/lock?id=x", status=503)
        self.server.mend()
        self.assertEqual((viewer.wait_for("locks")["full"], viewer.locks), (True, {}))
        self.hold_lock(self.lock)
        viewer.wait_for("locks", lambda told: self.lock in viewer.locks)

    def reads(self) -> int:
        """Of the whole collection, so far; the profiler counts them."""
        return self.server.client[self.server.db].system.profile.count_documents({
            "ns": f"{self.server.db}.dlocks", "op": {"$in": ["query", "command"]},
            "command.findAndModify": {"$exists": False}, "command.explain": {"$exists": False}})

    def test_viewers_share_one_read_a_second_and_without_them_there_is_none(self) -> None:
        self.hold_lock("--ttl", "5m", self.lock)
        self.serve()
        viewers = [self.viewer() for _ in range(5)]
        for viewer in viewers:
            viewer.wait_for("state")
        database = self.server.client[self.server.db]
        database.command("profile", 2)
        self.addCleanup(database.command, "profile", 0)
        began = time.monotonic()
        time.sleep(3)
        reads, seconds = self.reads(), time.monotonic() - began
        self.assertGreater(reads, 0)
        self.assertLessEqual(reads, seconds + 1)
        for viewer in viewers:
            viewer.close()
        self.viewer().close()

        def is_quiet() -> bool:
            before = self.reads()
            time.sleep(1.5)
            return self.reads() == before

        wait_for(is_quiet, "no reads")

    def test_a_token(self) -> None:
        path = self.file("token")
        path.write_text(TOKEN + "\n")
        path.chmod(0o600)
        self.hold_lock(self.lock)
        self.serve("--token-file", str(path))
        for public in ("/", "/page.js", "/page.css"):
            self.assertTrue(self.get(public))
        for guarded in ("/api/locks", "/api/lock?id=job", "/api/stream", "/api/nothing"):
            self.get(guarded, status=401)
        self.headers = {"Authorization": f"Bearer {TOKEN}"}
        self.assertEqual([lock["id"] for lock in self.json("/api/locks")], [self.lock])
        self.viewer().wait_for("locks")

    def test_its_end(self) -> None:
        for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGHUP, -signal.SIGHUP)):
            process = self.serve()
            viewer = self.viewer()
            viewer.wait_for("state")
            process.send_signal(number)
            self.assertEqual(process.wait(PATIENCE), status)
            self.assertEqual(process.stderr.read(), "")


if __name__ == "__main__":
    main()
