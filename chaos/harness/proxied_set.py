"""A replica set whose members know each other, and are known to clients, by the addresses of chaos-proxy."""

from __future__ import annotations

import os
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymongo

from proxy import Proxy
from private_set import Member, ReplicaSet, free_port


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
            self.proxy = Proxy(self.bin / "chaos-proxy")
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
