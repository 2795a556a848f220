#!/usr/bin/python3
"""Looks at the locks as people on call do: `dlock serve` with one page open, and `dlock metrics` with a scrape each 5 s.

  watchers.py DLOCK URL DATABASE

Prints "ready PID" when both have answered. Ends with SIGTERM.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from processes import die_with  # noqa: E402

EVERY = 5


def listening(verb: str, *where: str) -> http.client.HTTPConnection:
    command = ["setpriv", "--pdeathsig", "KILL", where[0], verb, "--db", where[2], "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, env={**os.environ, "DLOCK_URL": where[1]}, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    for line in process.stderr:
        if found := re.search(r"listening on http://([^/\s]+)", line):
            return http.client.HTTPConnection(found[1], timeout=60)
    raise SystemExit(f"watchers.py: dlock {verb} does not listen")


def scrape(metrics: http.client.HTTPConnection) -> None:
    metrics.request("GET", "/metrics")
    answer = metrics.getresponse()
    if answer.status != 200 or b"dlock_up 1" not in answer.read():
        os._exit(1)


def scrapes(metrics: http.client.HTTPConnection) -> None:
    while True:
        time.sleep(EVERY)
        scrape(metrics)


def main() -> None:
    die_with(os.getppid(), signal.SIGTERM)
    page, metrics = listening("serve", *sys.argv[1:4]), listening("metrics", *sys.argv[1:4])
    page.request("GET", "/api/stream")
    stream = page.getresponse()
    stream.readline()
    scrape(metrics)
    threading.Thread(target=scrapes, args=[metrics], daemon=True).start()
    print(f"ready {os.getpid()}", flush=True)
    while stream.read1(65536):
        pass


if __name__ == "__main__":
    main()
