#!/usr/bin/python3
"""Measures etcd's own lock (clientv3/concurrency.Mutex) beside the put that it stands on, on members of its own on this machine.

  etcd.py --json FILE [--peer PROGRAM] [--members N] [--windows N] [--window-ms MS] [--most CONTENDERS]

The rows are those of dlock-bench, with "system": "etcd". A floor is a put that a majority has: etcd acknowledges no other.
Needs etcd (Debian: etcd-server) and PROGRAM, which is bench/peers/etcd built by Go.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from processes import die_with  # noqa: E402

ROWS = ((2, 1, 10), (10, 1, 10), (100, 1, 10), (2, 1, 0), (10, 1, 0), (100, 1, 0), (10, 10, 0), (10, 100, 0), (1, 1000, 0))


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Etcd:
    """A cluster that ends with this object."""

    def __init__(self, program: str, members: int) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="dlock-etcd-")
        ports = free_ports(2 * members)
        peers = [f"http://127.0.0.1:{port}" for port in ports[members:]]
        clients = [f"http://127.0.0.1:{port}" for port in ports[:members]]
        cluster = ",".join(f"m{i}={peer}" for i, peer in enumerate(peers))
        self.endpoints = ",".join(clients)
        self.processes = []
        parent = os.getpid()
        for i in range(members):
            with open(f"{self.folder.name}/m{i}.log", "w") as log:
                self.processes.append(subprocess.Popen(
                    [program, "--name", f"m{i}", "--data-dir", f"{self.folder.name}/m{i}", "--initial-cluster", cluster,
                     "--listen-peer-urls", peers[i], "--initial-advertise-peer-urls", peers[i],
                     "--listen-client-urls", clients[i], "--advertise-client-urls", clients[i]],
                    stdout=log, stderr=subprocess.STDOUT, preexec_fn=lambda: die_with(parent, signal.SIGTERM)))

    def wait(self, peer: str) -> None:
        """Until it has a leader."""
        deadline = time.monotonic() + 60
        while True:
            try:
                pairs(peer, self.endpoints, 1, 10)
                return
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def __enter__(self) -> Etcd:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        self.folder.cleanup()


def pairs(peer: str, endpoints: str, threads: int, ms: int) -> list[float]:
    """Puts/s, their median in us, pairs/s, their median in us."""
    done = subprocess.run([peer, "pairs", endpoints, str(threads), str(ms)], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [float(word) for word in done.stdout.split()]


class Fleet:
    def __init__(self, peer: str, endpoints: str, lock: str, processes: int, threads: int, hold: int) -> None:
        command = [peer, "worker", endpoints, lock, str(threads), str(hold)]
        self.all = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                    for _ in range(processes)]
        for process in self.all:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("a worker is not ready")

    def window(self, begin: int, end: int) -> list[list[int]]:
        """Its grants, in the order of their tokens: token, asked, queued, acquired, releasing."""
        for process in self.all:
            process.stdin.write(f"{begin} {end}\n")
            process.stdin.flush()
        grants = []
        for process in self.all:
            while (line := process.stdout.readline()) != "done\n":
                if not line:
                    raise RuntimeError("a worker ended early")
                grants.append([int(word) for word in line.split()])
        return sorted(grants, key=lambda g: g[3])

    def end(self) -> None:
        for process in self.all:
            process.stdin.close()
        for process in self.all:
            process.wait()


def contended(peer: str, endpoints: str, row: tuple[int, int, int], windows: int, ms: int) -> dict[str, object]:
    processes, threads, hold = row
    contenders = processes * threads
    crowd = contenders >= 1000
    length = ms * (1 if contenders < 100 else 15 if crowd else 4)
    fleet = Fleet(peer, endpoints, f"/contended/{time.time_ns()}", processes, threads, hold)
    puts, rates, hand_offs = [], [], []
    try:
        for number in range(1 if crowd else windows + 1):
            put_us = pairs(peer, endpoints, 1, min(length, 1000))[1]
            begin = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 50_000_000
            end = begin + length * 1_000_000
            grants = fleet.window(begin, end)
            if number == 0 and not crowd:
                continue  # a warm-up
            first, last = begin + (end - begin) // 4, end - (end - begin) // 4
            within = sum(1 for g in grants if first <= g[3] < last)
            passed = [(heir[3] - before[4]) / 1000 for before, heir in zip(grants, grants[1:]) if heir[1] < before[4]]
            puts.append(put_us)
            rates.append(within * 1e9 / (last - first))
            if passed:
                hand_offs.append(median(passed))
    finally:
        fleet.end()
    put_us, rate = median(puts), median(rates)
    hand_off = median(hand_offs) if hand_offs else 0
    return {"what": "contended", "system": "etcd", "mode": "etcd", "processes": processes, "threads": threads,
            "hold_ms": hold, "write_us": put_us, "insert_us": 0, "hand_off_us": hand_off,
            "ratio": hand_off / put_us, "grants_per_s": rate, "per_write": rate * put_us / 1e6}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", required=True, metavar="FILE")
    parser.add_argument("--peer", default=str(ROOT / "build" / "bench" / "etcd-peer"), metavar="PROGRAM")
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--window-ms", type=int, default=1000)
    parser.add_argument("--most", type=int, default=1000, metavar="CONTENDERS")
    given = parser.parse_args()
    etcd = shutil.which("etcd")
    if etcd is None or not Path(given.peer).exists():
        print("no etcd, or no peer program", file=sys.stderr)
        return 3
    with Etcd(etcd, given.members) as cluster, open(given.json, "a") as out:
        cluster.wait(given.peer)

        def tell(row: dict[str, object]) -> None:
            print(" ", json.dumps(row), flush=True)
            out.write(json.dumps(row) + "\n")
            out.flush()

        for threads in (1, 4, 16):
            rows = [pairs(given.peer, cluster.endpoints, threads, given.window_ms) for _ in range(given.windows)]
            puts, put_us, rate, us = (median(column) for column in zip(*rows))
            tell({"what": "uncontended", "system": "etcd", "mode": "etcd", "threads": threads, "raw_us": 2 * put_us,
                  "pair_us": us, "time_ratio": us / (2 * put_us), "raw_pairs_per_s": puts / 2, "pairs_per_s": rate,
                  "rate_ratio": 2 * rate / puts})
        for row in ROWS:
            if row[0] * row[1] <= given.most:
                tell(contended(given.peer, cluster.endpoints, row, given.windows, given.window_ms))
    return 0


if __name__ == "__main__":
    sys.exit(main())
