#!/usr/bin/python3
"""chaos-proxy does to the traffic between a source and a member what it is told, and to no other."""

import os
import select
import socket
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "chaos" / "harness")]

from proxy import Proxy  # noqa: E402
from private_set import SetError  # noqa: E402

BINARY = Path(os.environ.get("DLOCK_CHAOS_BIN", ROOT / "build" / "bin")) / "chaos-proxy"

PATIENCE = 30.0

# connects to a port, says what it is told line by line, and prints what it hears
PEER = """import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
try:
    for line in sys.stdin:
        s.sendall(line.encode())
        print(s.recv(100).decode(), end="", flush=True)
except ConnectionResetError:
    pass
"""


class EchoServer:
    """Answers each request by a number of its own and the request, and keeps what it has received."""

    def __init__(self, number: int) -> None:
        self.number, self.received = number, b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    self.received += data
                    connection.sendall(b"%d:" % self.number + data)
            except OSError:
                pass


class ProxyTest(unittest.TestCase):
    def setUp(self) -> None:
        self.proxy = Proxy(BINARY)
        self.addCleanup(self.proxy.close)
        self.servers = [EchoServer(number) for number in range(3)]
        for number, server in enumerate(self.servers):
            self.proxy.tell(f"target {number} {'127.0.0.1:' * (number == 1)}{server.port}")

    def connect(self, member: int = 0) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.proxy.ports[member]), timeout=PATIENCE)
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection: socket.socket, text: bytes) -> bytes:
        connection.sendall(text)
        return connection.recv(65536)

    def assert_hears_nothing(self, connection: socket.socket) -> None:
        self.assertFalse(select.select([connection], [], [], 0.2)[0], "it hears what is held back")

    def assert_reset(self, connection: socket.socket) -> bytes:
        """What came before."""
        heard = b""
        with self.assertRaises(ConnectionResetError):
            while data := connection.recv(65536):
                heard += data
        return heard

    def assert_refused(self, member: int = 0) -> None:
        """A new connection is reset: at once, or when it is used."""
        with self.assertRaises(ConnectionResetError):
            connection = self.connect(member)
            while connection.recv(65536):
                pass

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"waited {PATIENCE} s for {what}")
            time.sleep(0.01)

    def assert_receives(self, text: bytes) -> None:
        self.wait_for(lambda: len(self.servers[0].received) >= len(text), "the member to receive it")
        self.assertEqual(text, self.servers[0].received)

    def test_passes_on(self) -> None:
        for member in range(3):
            self.assertEqual(b"%d:hello" % member, self.ask(self.connect(member), b"hello"))
        connection, much = self.connect(), os.urandom(5_000_000)
        threading.Thread(target=connection.sendall, args=(much,), daemon=True).start()
        heard = 0
        while heard < len(much):
            heard += len(connection.recv(1 << 20))
        self.assert_receives(b"hello" + much)
        while select.select([connection], [], [], 0.2)[0]:  # a little of what was heard is numbers
            connection.recv(1 << 20)
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(b"", connection.recv(10), "an end is passed on, too")

    def test_holds_requests(self) -> None:
        connection, other, leaves = self.connect(0), self.connect(1), self.connect(0)
        self.proxy.tell("hold-requests client m0")
        connection.sendall(b"late")
        self.assertEqual(b"1:x", self.ask(other, b"x"))
        self.assert_hears_nothing(connection)
        self.wait_for(lambda: self.proxy.count("held") > 0, "something held back")
        self.assertEqual(b"", self.servers[0].received)
        self.proxy.tell("open client m0")
        self.assertEqual(b"0:late", connection.recv(100))
        self.proxy.tell("hold-requests client m0")
        leaves.sendall(b"ghost")
        leaves.close()
        time.sleep(0.1)
        self.assertEqual(b"late", self.servers[0].received)
        self.proxy.tell("heal")
        self.assert_receives(b"lateghost")

    def test_holds_replies_of_requests_that_were_carried_out(self) -> None:
        connection = self.connect()
        self.proxy.tell("hold-replies any m0")
        connection.sendall(b"one")
        self.assert_receives(b"one")
        self.assert_hears_nothing(connection)
        self.proxy.tell("heal")
        self.assertEqual(b"0:one", connection.recv(100))

    def test_refuses_and_resets(self) -> None:
        connection = self.connect()
        self.ask(connection, b"x")
        self.proxy.tell("reset client m0")
        self.assert_reset(connection)
        connection = self.connect()
        self.ask(connection, b"x")
        self.proxy.tell("refuse client m0")
        self.assert_reset(connection)
        self.assert_refused()
        self.assertEqual(b"2:x", self.ask(self.connect(2), b"x"))
        self.proxy.tell("heal client m0")
        self.assertEqual(b"0:x", self.ask(self.connect(), b"x"))
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        self.proxy.tell(f"target 0 {port}")  # where nobody listens
        self.assert_refused()

    def test_delays(self) -> None:
        connection = self.connect()
        self.proxy.tell("delay client any 300")
        began = time.monotonic()
        self.assertEqual(b"0:x", self.ask(connection, b"x"))
        self.assertGreaterEqual(time.monotonic() - began, 0.3)
        self.proxy.tell("delay client any 60000")
        self.proxy.tell("delay client any 0")
        self.assertEqual(b"0:y", self.ask(connection, b"y"))  # within PATIENCE

    def test_loses_replies(self) -> None:
        for command, counted, heard in (("swallow", "swallowed", b""), ("half", "halved", b"0:find a")):
            connection, other = self.connect(), self.connect()
            self.servers[0].received = b""
            self.proxy.tell(f"{command} client any 1 modify")
            self.assertEqual(b"0:find", self.ask(connection, b"find"))
            connection.sendall(b"find and modify")
            self.assertEqual(heard, self.assert_reset(connection))
            self.assertEqual(b"findfind and modify", self.servers[0].received)
            self.assertEqual(1, self.proxy.count(counted))
            self.assertEqual(b"0:modify", self.ask(other, b"modify"))  # only one was asked for

    def test_knows_members_by_their_processes(self) -> None:
        def ask(process: subprocess.Popen) -> str:
            process.stdin.write("x\n")
            process.stdin.flush()
            return process.stdout.readline()

        # It connects when we have told the proxy who it is, and not before.
        known = subprocess.Popen(["sh", "-c", 'read go; exec "$0" -c "$1" "$2"', sys.executable, PEER,
                                  str(self.proxy.ports[0])], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(known.communicate)
        self.proxy.tell(f"pid m2 {known.pid}")
        known.stdin.write("go\n")
        self.assertEqual("0:x\n", ask(known))
        self.assertEqual(1, self.proxy.stats()["m2>m0"]["links"])
        self.proxy.tell("refuse client m0")  # that is all but members
        self.assertEqual("0:x\n", ask(known))
        self.proxy.tell("heal")
        self.proxy.tell("refuse m2 m0")
        self.assertEqual("", ask(known))
        self.assertEqual(b"0:x", self.ask(self.connect(), b"x"))

    def test_knows_workers_among_the_clients(self) -> None:
        others = self.connect()
        self.ask(others, b"x")
        self.assertEqual(1, self.proxy.stats()["others>m0"]["links"])
        self.proxy.tell(f"pid w7 {os.getpid()}")  # too late for that one
        known = self.connect()
        self.ask(known, b"x")
        stats = self.proxy.stats()
        self.assertEqual((1, 1), (stats["others>m0"]["links"], stats["w7>m0"]["links"]))
        self.proxy.tell("refuse w7 any")
        self.assert_reset(known)
        self.assert_refused()
        self.assertEqual(b"0:x", self.ask(others, b"x"))
        self.proxy.tell("refuse client any")
        self.assert_reset(others)

    def test_bad_commands_are_refused_and_an_end_of_them_ends_it(self) -> None:
        for command in ("", "nonsense", "hold-requests client", "hold-requests nobody m0", "refuse client m3", "delay any any x",
                        "target 3 1", "target 0 a:1", "swallow any any 1", "pid w10 1", "pid 1 1", "refuse any w1"):
            with self.subTest(command), self.assertRaises(SetError):
                self.proxy.tell(command)
        self.proxy.process.stdin.close()
        self.assertEqual(0, self.proxy.process.wait(PATIENCE))


if __name__ == "__main__":
    unittest.main()
