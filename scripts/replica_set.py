#!/usr/bin/python3
"""Starts and stops a private MongoDB replica set on 127.0.0.1.

  replica_set.py run [OPTIONS] -- COMMAND...   runs COMMAND with a set, and stops the set when this process ends
  replica_set.py start|stop|url --dir DIR      a set that stays until it is stopped

COMMAND finds DLOCK_TEST_URL, DLOCK_TEST_DIR (the set's folder) and DLOCK_TEST_SET (a JSON file: url, members with
host, port and pid) in its environment; with --sets 2 also DLOCK_TEST_URL_2 and so on, of the second set.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pymongo.errors import PyMongoError

import evidence
import mongod
from private_set import ReplicaSet, SetError, processes_in
from processes import ENDING, die_with, end_on_signal, kill_and_wait


def environment_of(rs: ReplicaSet, suffix: str) -> dict[str, str]:
    return {
        f"DLOCK_TEST_URL{suffix}": rs.url,
        f"DLOCK_TEST_DIR{suffix}": str(rs.folder),
        f"DLOCK_TEST_SET{suffix}": str(rs.folder / "set.json"),
    }


def run(rs: ReplicaSet, command: Sequence[str], others: Sequence[ReplicaSet] = ()) -> int:
    """Runs `command` with the set, and with `others`. Ends them whatever happens, and ends itself when its own parent is killed."""
    die_with(os.getppid(), signal.SIGTERM)
    child: subprocess.Popen[bytes] | None = None

    def interrupted(signum: int, _: object) -> None:
        if child is None:
            end_on_signal(signum)
        child.send_signal(signum)
        if signum != signal.SIGINT:
            signal.alarm(10)  # for a command that ignores it

    for signum in ENDING:
        signal.signal(signum, interrupted)
    signal.signal(signal.SIGALRM, lambda *_: child.kill() if child else None)
    os.environ.pop("DLOCK_TEST_ADMIN_URL", None)  # of another set
    try:
        with ExitStack() as running_sets:
            for each in (rs, *others):
                running_sets.enter_context(each)
            environment = dict(os.environ)
            for number, each in enumerate((rs, *others), 1):
                environment |= environment_of(each, "" if number == 1 else f"_{number}")
            parent = os.getpid()
            child = subprocess.Popen(command, env=environment, preexec_fn=lambda: die_with(parent, signal.SIGTERM))
            status = child.wait()
            for each in (rs, *others):
                each.failed = status not in evidence.GOOD
    except FileNotFoundError:
        raise SetError(f"{command[0]}: not found") from None
    return status if status >= 0 else 128 - status


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """One start or stop at a time."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def running(directory: Path) -> dict[str, Any] | None:
    """What set.json says, if all of that set runs."""
    try:
        state: dict[str, Any] = json.loads((directory / "set.json").read_text())
    except (OSError, ValueError):
        return None
    return state if {member["pid"] for member in state["members"]} <= set(processes_in(directory)) else None


def remove(directory: Path) -> bool:
    pids = processes_in(directory)
    kill_and_wait(pids)
    shutil.rmtree(directory, ignore_errors=True)
    return bool(pids)


def start(rs: ReplicaSet, directory: Path, nodes: int | None) -> int:
    for signum in ENDING:  # what was started so far must end, too
        signal.signal(signum, end_on_signal)
    with locked(directory):
        state = running(directory)
        if state is None:
            remove(directory)  # what a crash or a reboot left
            print(f"starting a private MongoDB replica set, nodes: {rs.nodes}, data in {directory}", file=sys.stderr)
            rs.start()
            state = {"url": rs.url}
        elif nodes is not None and nodes != len(state["members"]):
            raise SetError(f"one with nodes: {len(state['members'])} runs already: stop it first")
        else:
            print("it runs already", file=sys.stderr)
    print(state["url"])
    return 0


def parse_user(text: str) -> dict[str, Any]:
    """NAME:PASSWORD:ROLE@DB[,ROLE@DB]"""
    name, password, roles = text.split(":")
    pairs = [role.split("@") for role in roles.split(",")]
    return {"user": name, "pwd": password, "roles": [{"role": role, "db": db} for role, db in pairs]}


def parse_parameter(text: str) -> tuple[str, str]:
    name, value = text.split("=", 1)
    return name, value


def parse_nodes(text: str) -> int:
    if text not in {"1", "2", "3", "4", "5", "6", "7"}:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of nodes from 1 to 7")
    return int(text)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("run", "start", "stop", "url"):
        sub = verbs.add_parser(verb)
        sub.add_argument("--dir", type=Path, required=verb != "run", help="where the set lives; run: a temporary one")
        if verb in ("run", "start"):
            sub.add_argument("--nodes", type=parse_nodes, help="1 to 7; default 1")
            sub.add_argument("--auth", action="store_true", help="with passwords; the URL is root's")
            sub.add_argument("--tls", action="store_true", help="with TLS, and a CA of its own: ca.pem in its folder")
            sub.add_argument("--user", type=parse_user, action="append", default=[],
                             help="one more user, NAME:PASSWORD:ROLE@DB[,ROLE@DB]")
            sub.add_argument("--election-timeout", type=int, default=10_000, metavar="MS", help="default 10000")
            sub.add_argument("--setParameter", type=parse_parameter, action="append", default=[], metavar="NAME=VALUE")
        if verb == "run":
            sub.add_argument("--sets", type=parse_nodes, default=1, help="1 to 7, so many sets; default 1; --dir is for the first")
            sub.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def main() -> int:
    options = parse(sys.argv[1:])
    directory: Path | None = options.dir.absolute() if options.dir else None
    try:
        if options.verb in ("run", "start"):
            rs, *others = [ReplicaSet(nodes=options.nodes or 1, directory=where, auth=options.auth, users=options.user,
                                      election_timeout_ms=options.election_timeout, parameters=dict(options.setParameter),
                                      tied=options.verb == "run", tls=options.tls)
                           for where in [directory] + [None] * (options.sets - 1 if options.verb == "run" else 0)]
            return run(rs, options.command, others) if directory is None or options.verb == "run" \
                else start(rs, directory, options.nodes)
        assert directory is not None
        if options.verb == "stop":
            with locked(directory):
                was_running = remove(directory)
            print("stopped" if was_running else "no server was running")
            return 0
        state = running(directory)
        if state is None:
            print("no server is running: start one with ./run server start", file=sys.stderr)
            return 1
        print(state["url"])
        return 0
    except (SetError, mongod.NoMongod, PyMongoError) as error:
        print(f"replica set: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
