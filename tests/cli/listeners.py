"""What the tests of verbs that listen share: raw HTTP, so that nothing is sent that a test does not say."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

from harness import PATIENCE, Case, read_line

LISTENING = re.compile(r"dlock: listening on http://(?:127\.0\.0\.1|0\.0\.0\.0|\[::1?\]):(\d+)(/\S*)\n")


class Reply:
    """What a server has sent until it closed the connection."""

    def __init__(self, text: bytes) -> None:
        head, _, self.body = text.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split()[1]) if first else 0  # 0: it closed without a word
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


class Listener:
    """A dlock that listens."""

    def __init__(self, case: Case, *words: str, verb: str = "metrics", address: str = "127.0.0.1:0") -> None:
        self.process: subprocess.Popen[str] = case.start("--listen", address, *words, verb=verb)
        assert self.process.stderr
        line = read_line(self.process.stderr)
        found = LISTENING.fullmatch(line)
        assert found, f"it does not say where it listens: {line!r}"
        self.port = int(found[1])

    def connect(self, seconds: float = PATIENCE) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)

    def exchange(self, request: bytes, seconds: float = PATIENCE) -> Reply:
        with self.connect(seconds) as client:
            client.sendall(request)
            return Reply(read_all(client))

    def ask(self, path: str = "/metrics", method: str = "GET", host: str = "localhost", body: bytes = b"", **headers: str) -> Reply:
        lines = [f"{method} {path} HTTP/1.1", "Connection: close"]
        if host:
            lines.append(f"Host: {host}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return self.exchange("\r\n".join([*lines, "", ""]).encode() + body)

    def memory(self) -> int:
        """Its own, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"RssAnon:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    def sockets(self) -> int:
        """Connections of its clients."""
        wanted = f":{self.port:04X}"
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        inodes = {fields[9] for fields in lines if fields[1].endswith(wanted) and fields[3] != "0A"}
        own = set()
        for each in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
                own.add(str(each.readlink()))
        return len({f"socket:[{inode}]" for inode in inodes} & own)


def read_all(client: socket.socket) -> bytes:
    text = b""
    while piece := client.recv(65536):
        text += piece
    return text


def values(text: bytes) -> dict[str, float]:
    """The samples of a text for Prometheus; the labels are part of the name."""
    samples: dict[str, Any] = {}
    for line in text.decode().splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert name not in samples, f"{name} is there twice"
            samples[name] = float(value)
    return samples
