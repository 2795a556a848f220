#!/usr/bin/python3
"""The HTTP server of `dlock metrics` and `dlock serve`: whom it answers, what it refuses, and what hostile clients cost it."""

import signal
import socket
import time

from harness import PATIENCE, Case, main, wait_for
from listeners import Listener, read_all, values

TOKEN = "Zm9v-0123456789.abcdef~"
MOST_MEMORY = 10_000_000


class Http(Case):
    def listener(self, *words: str, address: str = "127.0.0.1:0") -> Listener:
        """On a busy machine, the first contact may take longer than a scrape. That is no outage, of which it would say something."""
        return Listener(self, "--connect-timeout", "30", *words, address=address)

    def with_contact(self) -> Listener:
        server = self.listener()
        wait_for(lambda: values(server.ask().body)["dlock_up"] == 1, "contact")
        return server

    def token_file(self, text: str = TOKEN + "\n", mode: int = 0o600) -> str:
        path = self.file("token")
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    # --- replies ----------------------------------------------------------------------------------------------------

    def test_a_reply(self) -> None:
        reply = self.with_contact().ask()
        self.assertEqual((reply.status, reply.headers["content-type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        self.assertEqual(int(reply.headers["content-length"]), len(reply.body))
        self.assertEqual(values(reply.body)["dlock_up"], 1)

    def test_the_headers_of_each_reply(self) -> None:
        server = self.listener()
        for reply in (server.ask(), server.ask("/no-such"), server.ask(method="POST"), server.ask(host="evil.example"),
                      server.exchange(b"no HTTP\r\n\r\n")):
            policy = reply.headers["content-security-policy"]
            self.assertTrue(policy.startswith("default-src 'self';") and "frame-ancestors 'none'" in policy, policy)
            for name, value in {"x-frame-options": "DENY", "x-content-type-options": "nosniff", "cache-control": "no-store",
                                "referrer-policy": "no-referrer", "cross-origin-resource-policy": "same-origin"}.items():
                self.assertEqual(reply.headers[name], value)
            for name in reply.headers:
                self.assertFalse(name.startswith("access-control-") or name in ("set-cookie", "server"), name)

    def test_head(self) -> None:
        server = self.with_contact()
        reply = server.ask(method="HEAD")
        self.assertEqual((reply.status, reply.body), (200, b""))
        self.assertGreater(int(reply.headers["content-length"]), 500)
        self.assertEqual(server.ask("/no-such", method="HEAD").body, b"")

    def test_several_requests_of_one_connection(self) -> None:
        server = self.listener()
        one = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        last = b"HEAD /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        with server.connect() as client:
            client.sendall(one)
            while b"\n" not in client.recv(65536).split(b"\r\n\r\n", 1)[-1]:
                pass
            client.sendall(one + one + last)
            text = read_all(client)
        self.assertEqual(text.count(b"HTTP/1.1 200 OK\r\n"), 2)
        self.assertIn(b"HTTP/1.1 404 Not Found\r\n", text)

    def test_an_old_client(self) -> None:
        reply = self.with_contact().exchange(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        self.assertEqual(values(reply.body)["dlock_up"], 1)

    # --- what is refused --------------------------------------------------------------------------------------------

    def test_other_methods(self) -> None:
        server = self.listener()
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "get", "PROPFIND", "X"):
            for body in (b"", b"x" * 5000):
                reply = server.ask(method=method, body=body)
                self.assertIn(reply.status, (405, 400) if method in ("get", "X") else (405,), method)
        self.assertEqual(server.ask(method="POST").headers["allow"], "GET, HEAD")

    def test_hosts(self) -> None:
        server = self.listener("--host", "locks.example", "--host", "Other.Example")
        for host in ("localhost", "LOCALHOST:1", f"127.0.0.1:{server.port}", "[::1]:80", "locks.example", "LOCKS.example:443",
                     "other.example"):
            self.assertEqual(server.ask(host=host).status, 200, host)
        for host in ("", "evil.example", "127.0.0.1.evil.example", "192.0.2.1", "127.0.0.2", "localhost.", "evil.example:80",
                     "x.locks.example", "[::2]", "0.0.0.0", "2130706433", "localhost@evil.example", "localhost evil.example"):
            self.assertEqual(server.ask(host=host).status, 403, host)
        self.assertEqual(server.exchange(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n").status, 403)

    def test_bad_requests(self) -> None:
        server = self.listener()
        for target in ("/%", "/%00", "/?a=%zz", "http://localhost/metrics", "*"):
            self.assertEqual(server.ask(target).status, 400, target)
        self.assertEqual(server.ask(body=b"x").status, 400)
        for text in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nHost\r\n\r\n"):
            self.assertEqual(server.exchange(text + b"\r\n\r\n").status, 400, text)
        for path in ("/", "/metrics/", "/METRICS", "//metrics", "/../metrics"):
            self.assertEqual(server.ask(path).status, 404, path)
        self.assertEqual(server.ask("/metrics?x=y").status, 200)

    def test_the_token(self) -> None:
        server = self.listener("--token-file", self.token_file())
        for header in (f"Bearer {TOKEN}", f"bearer {TOKEN}"):
            self.assertEqual(server.ask(Authorization=header).status, 200)
        refused = server.ask()
        self.assertEqual((refused.status, refused.headers["www-authenticate"]), (401, "Bearer"))
        self.assertNotIn(b"dlock_up", refused.body)
        for header in ("", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x",
                       f"Bearer {TOKEN.swapcase()}", f"Bearer {TOKEN}{TOKEN}", f"Bearer {TOKEN}, Bearer x"):
            self.assertEqual(server.ask(Authorization=header).status, 401, header)
        self.assertEqual(server.ask(f"/metrics?token={TOKEN}&access_token={TOKEN}").status, 401)
        self.assertEqual(server.ask(Cookie=f"token={TOKEN}").status, 401)
        self.assertEqual(server.ask("/no-such").status, 401, "nothing is told, not even which paths there are")
        twice = f"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\nAuthorization: x\r\n\r\n"
        self.assertEqual(server.exchange(twice.encode()).status, 401)
        server.process.terminate()
        out, err = server.process.communicate(timeout=PATIENCE)
        self.assertEqual((out, err), ("", ""))

    def test_an_address_that_others_reach(self) -> None:
        server = self.listener("--token-file", self.token_file(), address="0.0.0.0:0")
        self.wait_until_said(server.process, "nothing is encrypted")
        self.assertEqual(server.ask().status, 401)
        self.assertEqual(server.ask(host=f"127.0.0.1:{server.port}", Authorization=f"Bearer {TOKEN}").status, 200)

    # --- before it listens ------------------------------------------------------------------------------------------

    def check_refused(self, said: str, *words: str) -> None:
        """Before it looks for a server: it would look for longer than this waits."""
        result = self.run_to_end("--url", "mongodb://127.0.0.1:1", "--connect-timeout", "10m", *words, verb="metrics")
        self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (125, "", 1), result.stderr)
        self.assertIn(said, result.stderr)
        self.assertNotIn(TOKEN, result.stderr)

    def test_addresses(self) -> None:
        for address in ("", "127.0.0.1", ":9170", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "127.0.0.1:-1", "locks.example:80", "::1:80",
                        "[127.0.0.1]:80", "[::1]", "[::1", "256.0.0.1:80", "127.1:80", "127.0.0.1:+80"):
            self.check_refused("write ADDRESS:PORT", "--listen", address)
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:80"):
            self.check_refused("--token-file", "--listen", address)
        self.check_refused("cannot listen on 192.0.2.1:80", "--listen", "192.0.2.1:80",
                           "--token-file", self.token_file())
        self.check_refused("leave out the port", "--listen", "127.0.0.1:0", "--host", "locks.example:80")
        self.check_refused("--host needs --listen", "--host", "locks.example")

    def test_a_port_that_is_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            self.check_refused(f"cannot listen on 127.0.0.1:{port}: ", "--listen", f"127.0.0.1:{port}")

    def test_token_files(self) -> None:
        listen = ("--listen", "127.0.0.1:0", "--token-file")
        for mode in (0o644, 0o604, 0o602, 0o660):
            self.check_refused("other users can", *listen, self.token_file(mode=mode))
        for text in ("", "\n", "short", "x" * 15, "x" * 1025, "x" * 100_000):
            self.check_refused("a token has 16 to 1024", *listen, self.token_file(text))
        for text in (f"{TOKEN}\n{TOKEN}\n", f" {TOKEN}", f"{TOKEN}\u00e4", f"{TOKEN}\x01"):
            self.check_refused("one line of letters", *listen, self.token_file(text))
        self.check_refused("No such file", *listen, "/no/such/file")
        self.check_refused("--token-file needs --listen", "--token-file", self.token_file())
        self.check_refused("cannot use", *listen, "")
        for mode in (0o400, 0o600, 0o640, 0o440):
            Listener(self, *listen[2:], self.token_file(mode=mode)).process.kill()

    # --- hostile clients --------------------------------------------------------------------------------------------

    def check_memory(self, server: Listener, before: int) -> None:
        self.assertLess(server.memory() - before, MOST_MEMORY)

    def test_endless_lines(self) -> None:
        server = self.with_contact()
        before = server.memory()
        for begin in (b"GET /", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ", b"x", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100):
            with server.connect() as client:
                sent, began = 0, time.monotonic()
                try:
                    client.sendall(begin)
                    while sent < 100_000_000:
                        sent += client.send(b"a" * 65536)
                except OSError:
                    pass
                self.assertLess(sent, 30_000_000, "it must stop to read")
                self.assertLess(time.monotonic() - began, 8)
        self.check_memory(server, before)
        self.assertEqual(server.ask(**{"X-Long": "a" * 7000}).status, 200)
        self.assertEqual(server.ask(**{"X-Long": "a" * 8200}).status, 431)

    def test_a_header_that_does_not_end(self) -> None:
        server = self.listener()
        for begin in (b"", b"GET /metrics HTTP/1.1\r\n"):
            began = time.monotonic()
            with server.connect() as client:
                client.sendall(begin)
                self.assertEqual(read_all(client), b"")
            self.assertTrue(4 < time.monotonic() - began < 9, f"{time.monotonic() - began:.1f} s")

    def test_slow_loris(self) -> None:
        server = self.with_contact()
        before = server.memory()
        slow = [server.connect() for _ in range(80)]
        try:
            for client in slow:
                client.setblocking(False)
            for _ in range(4):
                for client in slow:
                    try:
                        client.send(b"GET / HTTP/1.1\r\nX: " if _ == 0 else b"a")
                    except OSError:
                        pass  # it made way
                self.assertLessEqual(server.sockets(), 64)
                began = time.monotonic()
                self.assertEqual(server.ask().status, 200, "others are served meanwhile")
                self.assertLess(time.monotonic() - began, 2)
                time.sleep(0.3)
            self.check_memory(server, before)
            wait_for(lambda: server.sockets() == 0, "it to give them up", 9)
        finally:
            for client in slow:
                client.close()

    def test_clients_that_take_no_reply(self) -> None:
        server = self.with_contact()
        before = server.memory()
        deaf = [server.connect() for _ in range(64)]
        for client in deaf:
            client.setblocking(False)
            try:
                client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20000)
            except OSError:
                pass
        wait_for(lambda: server.ask().status == 200, "a reply to others")
        self.check_memory(server, before)
        for client in deaf:
            client.close()

    # --- its end ----------------------------------------------------------------------------------------------------

    def test_signals(self) -> None:
        for number, status in ((signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGHUP, -signal.SIGHUP)):
            server = self.listener()
            with server.connect():
                began = time.monotonic()
                server.process.send_signal(number)
                self.assertEqual(server.process.communicate(timeout=PATIENCE), ("", ""))
                self.assertLess(time.monotonic() - began, 2)
            self.assertEqual(server.process.returncode, status)


if __name__ == "__main__":
    main()
