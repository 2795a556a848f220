"""A replica set whose members know each other, and are known to clients, by the addresses of chaos-proxy."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymongo

from processes import die_with
from replica_set import Member, ReplicaSet, SetError, free_port


class Proxy:
    """chaos-proxy and its control socket. It ends with us: its standard input does."""

    def __init__(self, binary: Path, folder: Path) -> None:
        parent = os.getpid()
        path = folder / "proxy.sock"
        self.process = subprocess.Popen([str(binary), "--control", str(path)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, start_new_session=True,
                                        preexec_fn=lambda: die_with(parent, signal.SIGKILL))
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        if words[:1] != ["ports"]:
            raise SetError("chaos-proxy did not start")
        self.ports = [int(word) for word in words[1:]]
        self._guard = threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._answers = self._socket.makefile()

    def tell(self, command: str) -> str:
        with self._guard:
            self._socket.sendall(command.encode() + b"\n")
            answer = self._answers.readline().strip()
        if not answer or answer.startswith("error"):
            raise SetError(f"chaos-proxy, {command}: {answer or 'it is gone'}")
        return answer

    def stats(self) -> dict[str, dict[str, int]]:
        return json.loads(self.tell("stats"))

    def count(self, what: str) -> int:
        """How often something was done, over all sources and members."""
        return sum(each[what] for each in self.stats().values())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self._answers.close()
        self._socket.close()


@dataclass
class ProxiedSet(ReplicaSet):
    """Three members, each with a clock that can be shifted."""

    nodes: int = 3
    bin: Path = Path("build/bin")
    proxy: Proxy = field(init=False)

    def start(self) -> None:
        self.bin = self.bin.absolute()
        try:
            super().start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        super().stop()
        if hasattr(self, "proxy"):
            self.proxy.close()

    def _new_member(self, index: int) -> Member:
        if not hasattr(self, "proxy"):
            self.proxy = Proxy(self.bin / "chaos-proxy", self.folder)
        self.set_clock(index, 0)
        return Member("127.0.0.1", self.proxy.ports[index], listens_on=free_port())

    def _environment(self, index: int) -> dict[str, str]:
        return os.environ | clock_environment(self.bin, self._clock(index))

    def _spawn(self, index: int) -> subprocess.Popen[bytes]:
        process = super()._spawn(index)
        self.proxy.tell(f"pid m{index} {process.pid}")
        self.proxy.tell(f"target {index} {self.members[index].listens_on}")
        return process

    def connect(self, index: int | None = None, as_member: bool = False, **options: Any) -> pymongo.MongoClient:
        """One member is reached past the proxy: its faults are not for us."""
        if index is None:
            return super().connect(None, as_member, **options)
        options = self._login(as_member) | options
        return pymongo.MongoClient("127.0.0.1", self.members[index].listens_on, directConnection=True, **options)

    def running(self, index: int) -> bool:
        return self._processes[index].poll() is None

    def step_up(self, index: int) -> None:
        with self.connect(index, serverSelectionTimeoutMS=2000, socketTimeoutMS=10_000) as client:
            client.admin.command("replSetStepUp")

    def _clock(self, index: int) -> Path:
        return self.folder / f"clock.{index}"

    def set_clock(self, index: int, nanoseconds: int) -> None:
        write_clock(self._clock(index), nanoseconds)


def write_clock(file: Path, nanoseconds: int) -> None:
    """In place: the file is mapped by whoever it is the clock of."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o644), "wb") as stream:
        stream.write(struct.pack("=q", nanoseconds))


def clock_environment(binaries: Path, file: Path) -> dict[str, str]:
    return {"LD_PRELOAD": str(binaries / "chaos-clock.so"), "DLOCK_CHAOS_CLOCK": str(file)}
