#!/usr/bin/python3
"""What dlock elect and dlock hold tell systemd, through the socket of sd_notify(3)."""

from __future__ import annotations

import re
import shutil
import socket
import tempfile
import uuid

from harness import PATIENCE, Case, main


class Notify(Case):
    def setUp(self) -> None:
        super().setUp()
        self.listen(f"@dlock-test-{uuid.uuid4().hex}")

    def listen(self, name: str) -> None:
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.settimeout(PATIENCE)
        self.manager.bind(re.sub("^@", "\0", name))
        self.environment["NOTIFY_SOCKET"] = name

    def hear(self, expected: str) -> None:
        said = self.manager.recv(4096).decode()
        self.assertRegex(said, rf"\A{expected}\Z")

    def test_a_term(self) -> None:
        result = self.run_to_end("job", "-c", 'echo "$NOTIFY_SOCKET"', verb="elect")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "\n", ""))
        self.hear("READY=1\nSTATUS=waits for the lead of 'job'")
        self.hear(r"STATUS=has the lead of 'job', token \d+")
        self.hear("STOPPING=1\nSTATUS=gives up the lead of 'job'")

    def test_a_candidate_is_ready_although_it_waits(self) -> None:
        with self.holder():
            candidate = self.start("job", "sleep", "600", verb="elect")
            self.hear("READY=1\nSTATUS=waits for .*")
        self.hear("STATUS=has .*")
        self.server.evict("job")
        self.hear("READY=1\nSTATUS=waits for .*")
        self.hear("STATUS=has .*")
        candidate.terminate()
        self.hear("STOPPING=1\nSTATUS=gives up .*")

    def test_a_server_out_of_reach(self) -> None:
        """Not ready."""
        result = self.run_to_end("--url", "mongodb://127.0.0.1:1", "--connect-timeout", "1", "job", "true", verb="elect")
        self.assertEqual(result.returncode, 125)
        self.manager.setblocking(False)
        self.assertRaises(BlockingIOError, self.manager.recv, 4096)

    def test_nobody_listens(self) -> None:
        for name in ("/no/such/socket", "@no-such-socket", "vsock:1:2", "x" * 300, "@", ""):
            self.environment["NOTIFY_SOCKET"] = name
            result = self.run_to_end("job", "true", verb="elect")
            self.assertEqual((result.returncode, result.stderr), (0, ""), name)

    def test_hold(self) -> None:
        """And a command of dlock run speaks for itself."""
        short = tempfile.mkdtemp(prefix="dlock-", dir="/tmp")  # the name of a socket has at most 107 bytes
        self.addCleanup(shutil.rmtree, short)
        self.listen(f"{short}/notify")
        script = self.script(f"{self.shell_command('--clock_skew 0s job', 'hold')}\n{self.shell_command('--end job', 'hold')}\n"
                             f"""{self.shell_command("inner -- sh -c 'echo $NOTIFY_SOCKET'")}\n{self.shell_command('--ttl 2s job', 'hold')}\nsleep 600\n""")
        process = self.mortal("sh", script, env=self.environment, cwd=self.folder, stdout=-1, stderr=-1, text=True)
        for expected in ("STATUS=waits for 'job'", r"READY=1\nSTATUS=has 'job', token \d+", "STATUS=gave back 'job'", "STATUS=waits for 'job'",
                         r"READY=1\nSTATUS=has 'job', token \d+"):
            self.hear(expected)
        self.server.evict("job")
        self.hear("STOPPING=1\nSTATUS=lost 'job'")
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(out, self.environment["NOTIFY_SOCKET"] + "\n")
        self.assertIn("lost the lock", err)


if __name__ == "__main__":
    main()
