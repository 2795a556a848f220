"""A private MongoDB replica set on 127.0.0.1: `with ReplicaSet(nodes=3) as rs: rs.url, rs.stepdown(), ...`."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

import evidence
import mongod as mongod_finder
from processes import die_with, kill_and_wait, mongods

NAME = "dlock"
PASSWORD = "root-password"  # of root on a set with --auth: private, on 127.0.0.1, and gone soon
KEY = "dlock/members/only"  # between members
PREFIX = "dlock-set-"
EXIT_PORT_IN_USE = 48  # mongod's exit status when it cannot bind


class SetError(Exception):
    """The set cannot be started or used; the text says why."""


def free_port() -> int:
    """A port that is free now. Below the range for outgoing connections: one of those could take the port of a
    member that is being restarted, or connect to itself while the member is down."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = [random.randrange(20000, lowest) for _ in range(100)] if lowest > 21000 else []
    for port in [*candidates, 0]:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
            except OSError:
                continue
    raise SetError("no free port")


def processes_in(directory: Path) -> list[int]:
    """The mongods with their data in `directory`."""
    return [pid for pid, data in mongods() if data.parent == directory]


@dataclass
class Member:
    host: str
    port: int
    pid: int = 0
    listens_on: int = 0  # another port, if something stands between; else 0

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass
class ReplicaSet:
    """A replica set of `nodes` members. `tied`: its members are killed when the *thread* that started them ends."""

    nodes: int = 1
    directory: Path | None = None  # default: a new temporary folder
    auth: bool = False
    users: Sequence[dict[str, Any]] = ()  # more users: {"user":, "pwd":, "roles": [{"role":, "db":}]}
    election_timeout_ms: int = 10_000  # MongoDB's default
    heartbeat_ms: int = 2000  # likewise
    parameters: dict[str, str] = field(default_factory=dict)
    tied: bool = True
    tls: bool = False  # members take nothing but TLS, with certificates of a CA made for this set: see self.ca
    oplog_mb: int = 64
    options: Sequence[str] = ()  # more of mongod's

    def __post_init__(self) -> None:
        self.members: list[Member] = []
        self._processes: dict[int, subprocess.Popen[bytes]] = {}  # by member
        self._folder: Path | None = None
        self._lock: Any = None
        self.failed = False  # what was done with the set, or its start: then stop() keeps logs where DLOCK_EVIDENCE says

    def __enter__(self) -> ReplicaSet:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise SetError("the set was not started")
        return self._folder

    @property
    def url(self) -> str:
        return self.url_for("root", PASSWORD) if self.auth else self._url("")

    def url_for(self, user: str, password: str) -> str:
        return self._url(f"{user}:{password}@")

    def _url(self, credentials: str) -> str:
        hosts = ",".join(member.address for member in self.members)
        return (f"mongodb://{credentials}{hosts}/?replicaSet={NAME}" + ("&authSource=admin" if credentials else "")
                + (f"&tls=true&tlsCAFile={self.ca}" if self.tls else ""))

    @property
    def ca(self) -> Path:
        """The certificate of the authority that the members' are from, if `tls`."""
        return self.folder / "ca.pem"

    # Life

    def start(self) -> None:
        """Returns when there is a primary and every other member is a secondary."""
        binary = mongod_finder.find()
        if binary is None:
            raise SetError("no mongod: install one, name one in DLOCK_MONGOD, or run scripts/mongod.py --install")
        self._binary = binary
        if self.directory is None:
            remove_leftovers()
            self._folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        else:
            self._folder = Path(self.directory).absolute()
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (self._folder / "lock").open("w")  # held while we live: see remove_leftovers
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            if self.auth:
                key = self._folder / "key"
                key.write_text(KEY)
                key.chmod(0o400)
            if self.tls:
                make_certificates(self.folder, "127.0.0.1")
            for index in range(self.nodes):
                self.members.append(self._new_member(index))
                self._launch(index, new_port=True)
            self._initiate()
            self._write_state()
        except BaseException:
            self.failed = True
            self.stop()
            raise

    def stop(self) -> None:
        """Kills the members and removes their data; evidence.py says what becomes of their logs. Can be called at any time,
        also twice."""
        if self._folder is None:
            return
        kill_and_wait(processes_in(self._folder))
        for process in self._processes.values():
            process.wait()
        evidence.keep_logs(self._folder, self.failed)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.close()
        self._folder = None

    def _write_state(self) -> None:
        new = self.folder / "set.json.new"
        new.touch(mode=0o600)
        new.write_text(json.dumps({"url": self.url, "members": [asdict(member) for member in self.members]}))
        new.rename(self.folder / "set.json")

    def _new_member(self, index: int) -> Member:
        return Member("127.0.0.1", free_port())

    @staticmethod
    def _move(member: Member) -> None:
        """Another port to listen on: this one is taken."""
        if member.listens_on:
            member.listens_on = free_port()
        else:
            member.port = free_port()

    def _environment(self, index: int) -> dict[str, str] | None:
        """That of a member's process; None: ours."""
        return None

    def _launch(self, index: int, new_port: bool = False) -> None:
        """Starts a member and waits until it listens. Somebody may take the port first: try again, with a
        `new_port` or, where the set knows the port already, the same."""
        for _ in range(10):
            process = self._spawn(index)
            if self._wait_until_listening(index, process):
                return
            if new_port:
                self._move(self.members[index])
            else:
                time.sleep(0.5)
        raise SetError("mongod finds its port in use, ten times in a row")

    def _spawn(self, index: int) -> subprocess.Popen[bytes]:
        member, data = self.members[index], self.folder / str(index)
        data.mkdir(exist_ok=True)
        command = [str(self._binary), "--dbpath", str(data), "--replSet", NAME, "--port", str(member.listens_on or member.port),
                   "--bind_ip", member.host, "--nounixsocket", "--oplogSize", str(self.oplog_mb),
                   "--wiredTigerCacheSizeGB", "0.25", "--logpath", str(data / "mongod.log"), "--logappend", *self.options]
        # Test commands are what makes failCommand available; a private set on 127.0.0.1 may have them.
        parameters = {"enableTestCommands": "1", "diagnosticDataCollectionEnabled": "false", **self.parameters}
        for name, value in parameters.items():
            command += ["--setParameter", f"{name}={value}"]
        if self.auth:
            command += ["--keyFile", str(self.folder / "key")]
        if self.tls:
            command += ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(self.folder / "server.pem"),
                        "--tlsCAFile", str(self.ca), "--tlsAllowConnectionsWithoutCertificates"]
        parent = os.getpid()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=self._environment(index),
            start_new_session=True,  # out of reach of the terminal's Ctrl-C: the command ends first
            preexec_fn=(lambda: die_with(parent, signal.SIGKILL)) if self.tied else None)
        member.pid = process.pid
        self._processes[index] = process
        return process

    def _wait_until_listening(self, index: int, process: subprocess.Popen[bytes]) -> bool:
        log = self.folder / str(index) / "mongod.log"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            status = process.poll()
            if status == EXIT_PORT_IN_USE:
                return False
            if status is not None:
                tail = "\n".join(log.read_text().splitlines()[-5:]) if log.exists() else "(no log)"
                raise SetError(f"mongod ended with status {status}; the end of its log:\n{tail}")
            # Its own log, not a connection: whoever took the port could answer, too.
            if log.exists() and '"msg":"Waiting for connections"' in log.read_text(errors="replace"):
                return True
            time.sleep(0.05)
        raise SetError(f"mongod did not start within 60 s: see {log}")

    def _initiate(self) -> None:
        config = {
            "_id": NAME,
            "members": [{"_id": index, "host": member.address} for index, member in enumerate(self.members)],
            "settings": {"electionTimeoutMillis": self.election_timeout_ms,
                         "heartbeatIntervalMillis": self.heartbeat_ms},
        }
        with self.connect(0, as_member=True) as client:
            client.admin.command("replSetInitiate", config)
            wait_for(lambda: self._elect(client), "a primary")
            root = {"user": "root", "pwd": PASSWORD, "roles": [{"role": "root", "db": "admin"}]}
            for user in [root, *self.users] if self.auth else []:
                client.admin.command("createUser", user["user"], pwd=user["pwd"], roles=list(user["roles"]))
        self.wait_until_healthy()

    @staticmethod
    def _elect(client: pymongo.MongoClient) -> bool:
        """Whether this member is primary; asks it to become so rather than wait for the election time-out."""
        try:
            client.admin.command("replSetStepUp")
        except OperationFailure:
            pass  # too early, or it is a candidate already
        return bool(client.admin.command("isMaster")["ismaster"])

    # What tests do to it

    def connect(self, index: int | None = None, as_member: bool = False, **options: Any) -> pymongo.MongoClient:
        """A client of the whole set, or of one member only; as root, or as members log in with each other."""
        options |= self._login(as_member)
        if self.tls:
            options |= {"tls": True, "tlsCAFile": str(self.ca)}
        if index is None:
            return pymongo.MongoClient([member.address for member in self.members], replicaSet=NAME, **options)
        return pymongo.MongoClient(self.members[index].address, directConnection=True, **options)

    def _login(self, as_member: bool) -> dict[str, str]:
        if not self.auth:
            return {}
        if as_member:
            return {"username": "__system", "password": KEY, "authSource": "local"}
        return {"username": "root", "password": PASSWORD, "authSource": "admin"}

    def states(self) -> list[str]:
        """Of each member, as the primary (or else any member that answers) sees it: PRIMARY, SECONDARY, ..."""
        best: list[str] = []
        for index in range(len(self.members)):
            try:
                # a frozen member does not answer
                with self.connect(index, serverSelectionTimeoutMS=1000, socketTimeoutMS=1000) as client:
                    status = client.admin.command("replSetGetStatus")
            except PyMongoError:
                continue
            best = [member["stateStr"] for member in status["members"]]
            if status["myState"] == 1:
                break
        return best

    def wait_until_healthy(self) -> None:
        def healthy() -> bool:
            states = self.states()
            return sorted(states) == ["PRIMARY"] + ["SECONDARY"] * (len(self.members) - 1)
        wait_for(healthy, "one primary and otherwise secondaries")

    def primary(self) -> int:
        """The index of the primary; waits for one. Asks each member for itself: the others may not know yet that
        it is gone."""
        found: list[int] = []

        def one_says_so() -> bool:
            for index in range(len(self.members)):
                try:
                    with self.connect(index, serverSelectionTimeoutMS=1000, socketTimeoutMS=1000) as client:
                        if client.admin.command("isMaster")["ismaster"]:
                            found.append(index)
                            return True
                except PyMongoError:
                    continue
            return False

        wait_for(one_says_so, "a primary")
        return found[0]

    def stepdown(self, seconds: int = 10) -> None:
        """The primary steps down and stands for no election for so long. With 3 nodes another takes over."""
        with self.connect(self.primary()) as client:
            try:
                client.admin.command("replSetStepDown", seconds, secondaryCatchUpPeriodSecs=min(5, seconds - 1))
            except AutoReconnect:
                pass  # it may close our connection
            except OperationFailure as error:
                raise SetError(f"the primary did not step down: {error}") from error

    def kill(self, index: int) -> None:
        """kill -9 of one member; its data stays for restart()."""
        process = self._processes[index]
        process.kill()
        process.wait()

    def restart(self, index: int) -> None:
        log = self.folder / str(index) / "mongod.log"
        if log.exists():  # we wait for a line in the new one
            log.rename(log.with_name(f"mongod.log.{len(list(log.parent.glob('mongod.log.*')))}"))
        self._launch(index)
        self._write_state()  # it has a new pid

    def freeze(self, index: int) -> None:
        self._processes[index].send_signal(signal.SIGSTOP)

    def thaw(self, index: int) -> None:
        self._processes[index].send_signal(signal.SIGCONT)


def make_certificates(folder: Path, host: str) -> None:
    """A new authority, and with it server.pem, certificate and key of `host` (an IP address). Good for a day: the
    authority's key is thrown away."""
    def openssl(*words: str) -> None:
        done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SetError(f"openssl {words[0]}: {done.stderr.strip()}")

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "1", "-subj", "/CN=dlock test CA")
    openssl("req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/O=dlock/CN=member")
    (folder / "server.ext").write_text(f"subjectAltName=IP:{host}\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-extfile", "server.ext", "-out", "server.crt", "-days", "1")
    pem = folder / "server.pem"
    pem.touch(mode=0o600)
    pem.write_text((folder / "server.key").read_text() + (folder / "server.crt").read_text())
    for name in ("ca.key", "server.key"):
        (folder / name).unlink()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SetError(f"waited {seconds:g} s for {what}")
        time.sleep(0.1)


def remove_leftovers() -> None:
    """Removes the temporary folders of sets whose owner was killed; those in use are locked."""
    for folder in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        try:
            if folder.stat().st_mtime > time.time() - 60:
                continue  # perhaps not locked yet
            with (folder / "lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
