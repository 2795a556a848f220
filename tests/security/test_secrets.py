#!/usr/bin/python3
"""A password that dlock was given is nowhere to be read: not in what it prints, whatever goes wrong, not in the list of
processes, not in the server's log. Runs on a set with passwords, as DLOCK_TEST_ADMIN_URL (with_role.py)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import roles  # noqa: E402
from find_secret import all_processes, find_secret  # noqa: E402
from harness import ADMIN_URL, DLOCK, PATIENCE, Case, children_of, is_alive, main, name_of, wait_for  # noqa: E402

SERVER = os.environ.get("DLOCK_TEST_DIR", "")
# What people write who forget to escape something, or get something else wrong; {} is a piece of the password.
MALFORMED = (
    "mongodb://me:{}?{}@{host}/", "mongodb://me:{}/{}@{host}/", "mongodb://me:{}@{}@{host}/", "mongodb://me:{}:{}@{host}/",
    "mongodb://me:{}%{}@{host}/", "mongodb://me:{}%zz{}@{host}/", "mongodb://me:{}&{}#{}@{host}/", "mongodb://me:{}/?{}={}@{host}",
    "mongodb://me:{}?{}/{}@{host}", "me:{}@{host}", "mongodb:/me:{}@{host}", "me:{}@{}@{host}", "mongodb//me:{}@{host}/x?y={}",
    "mongodb://me:{}@{host}:99999", "mongodb://me:{}@{host}x", "mongodb://me:{}@{host},/", "mongodb://me:{}@:::/",
    "mongodb://me:{}@{host}/a b", "mongodb://me:{}@{host}/?replicaSet", "mongodb://me:{}@{host}/?socketTimeoutMS=x",
    "mongodb://me:{}@{host}/?authMechanism=PLAIN&nonsense=1", "mongodb://me:{}@{host}/?authMechanism=MONGODB-X509",
    "mongodb://me:{}@{host}/?replicaSet=another", "mongodb+srv://me:{}@127.0.0.1:1/", "mongodb+srv://me:{}@no.such.example/",
    "mongodb://me@{host}/?tlsCertificateKeyFilePassword={}&tlsCertificateKeyFilePassword={}",
    "mongodb://me@{host}/?tlsCertificateKeyFilePassword={}&sslClientCertificateKeyPassword={}",
    "mongodb://me@{host}/?tls=true&tlsCertificateKeyFile=/dev/null&tlsCertificateKeyFilePassword={}",
    "mongodb://me:{}@{host}/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:{}:{}",
    "mongodb://me:{}@{host}/?authMechanismProperties=AWS_SESSION_TOKEN:{},x", "mongodb://:{}@{host}/", "mongodb://me:\udcff{}@{host}/",
)


class Secrets(Case):
    def setUp(self) -> None:
        super().setUp()
        if not ADMIN_URL:
            self.skipTest("needs a set with passwords: tests/security/with_role.py")
        self.said = self.folder / "said"
        self.said.mkdir()
        self.secret = f"s3cr3t/{uuid.uuid4().hex}:%@?"
        self.user, password = roles.make_user(
            self.server.client, roles.for_names(roles.documented()["dlock"], self.server.db), self.secret)
        self.addCleanup(roles.remove_user, self.server.client, self.user)
        self.url = self.server.url_for(self.user, quote(password, safe=""))
        self.environment["DLOCK_URL"] = self.url

    def keep(self, *texts: str) -> None:
        for text in texts:
            (self.said / uuid.uuid4().hex).write_text(text, errors="replace")

    def do(self, *words: str, verb: str = "run", status: int | None = 0, **options: Any) -> str:
        result = self.run_to_end(*words, verb=verb, errors="replace", **options)
        self.keep(result.stdout, result.stderr)
        if status is not None:
            self.assertEqual(result.returncode, status, result.stderr)
        return result.stderr

    def check(self, *pieces: str) -> None:
        for secret in pieces or [self.secret]:
            self.assertEqual(find_secret(self.said, secret), [])
            self.assertTrue(any(path.stat().st_size for path in self.said.iterdir()), "nothing was said at all")

    def family(self, dlock: subprocess.Popen[str]) -> list[int]:
        """dlock, its guard, the command."""
        found = [dlock.pid]
        for pid in found:
            found += children_of(pid)
        self.assertGreaterEqual(len(found), 3)
        return found

    @staticmethod
    def open_to_us(family: list[int]) -> list[int]:
        """Into dlock and its guard only root can look."""
        return family if os.geteuid() == 0 else family[2:]

    def test_the_command_is_given_what_dlock_was_given(self) -> None:
        """And nothing else shows it to others."""
        holder = self.hold_lock("-v", self.lock)
        family = self.family(holder)
        self.assertEqual(find_secret(None, self.secret, family), [])
        family = self.open_to_us(family)
        self.assertEqual(len(find_secret(None, self.secret, family, environment=True)), len(family))
        self.end_job(holder)

    def test_a_file_keeps_it_from_the_command(self) -> None:
        del self.environment["DLOCK_URL"]
        self.file("url").write_text(self.url + "\n")
        holder = self.hold_lock("-v", "--url-file", str(self.file("url")), self.lock)
        self.assertEqual(find_secret(None, self.secret, self.open_to_us(self.family(holder)), environment=True), [])
        holder.terminate()
        self.keep(*holder.communicate(timeout=PATIENCE))
        self.check()

    def test_what_needs_no_password_has_none_in_its_memory(self) -> None:
        del self.environment["DLOCK_URL"]
        self.file("url").write_text(self.url + "\n")
        holder = self.hold_lock("--url-file", str(self.file("url")), self.lock)
        family = self.family(holder)
        others = [pid for pid in self.open_to_us(family) if pid != holder.pid]
        self.assertEqual(find_secret(None, self.secret, others, memory=True), [])
        if os.geteuid() == 0:
            self.assertNotEqual(find_secret(None, self.secret, [holder.pid], memory=True), [], "it logs in with it")
        else:
            self.assertRaises(PermissionError, find_secret, None, self.secret, [holder.pid], memory=True)
        self.end_job(holder)

    def crash(self, process: subprocess.Popen[str]) -> bool:
        """Whether that leaves a core dump."""
        process.send_signal(signal.SIGSEGV)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = -os.WTERMSIG(status)
        self.assertEqual(process.returncode, -signal.SIGSEGV)
        return os.WCOREDUMP(status)

    def test_a_crash_leaves_no_core_dump(self) -> None:
        through = ("sh", "-c", 'ulimit -S -c "$(ulimit -H -c)"; exec "$@"', "sh")
        holder = self.hold_lock(self.lock, through=through)
        guard = children_of(holder.pid)[0]
        self.assertFalse(self.crash(holder))
        wait_for(lambda: not is_alive(guard), "the end of the guard")
        del self.environment["DLOCK_URL"]  # without a password there is one
        other = self.start("--url", "mongodb://127.0.0.1:1/", self.lock, "true", through=through)
        wait_for(lambda: name_of(other.pid) == Path(DLOCK).name and children_of(other.pid), "the guard")
        if not self.crash(other):
            self.skipTest("no process leaves one here")

    def test_all_is_well(self) -> None:
        over, seen = threading.Event(), []

        def look_out() -> None:
            while not over.wait(0.1):
                seen.extend(find_secret(None, self.secret, all_processes()))

        lookout = threading.Thread(target=look_out)
        lookout.start()
        try:
            watch = self.start("-v", verb="watch")
            holder = self.hold_lock("-v", self.lock)
            self.do("-v", "-w", "10", self.lock, "true", status=124)
            self.do("-v", verb="ls")
            self.do("-v", self.lock, verb="show")
            self.do("-v", "--force", self.lock, verb="release")
            self.keep(*holder.communicate(timeout=PATIENCE))
            self.do("-v", "--once", "leader", "true", verb="elect")
            self.do("-v", "--grace", "77", self.lock, "no-such-command", status=127)
            self.do("-v", self.lock, "sh", "-c", "exit 3", status=3)
            watch.terminate()
            self.keep(*watch.communicate(timeout=PATIENCE))
        finally:
            over.set()
            lookout.join()
        self.assertEqual(seen, [])
        self.check()

    def test_the_login_fails(self) -> None:
        for user, password in ((self.user, self.secret + "x"), ("nobody", self.secret)):
            self.environment["DLOCK_URL"] = self.server.url_for(user, quote(password, safe=""))
            self.assertIn("check user, password", self.do("-v", self.lock, "true", status=125))
        self.check()

    def test_rights_are_missing(self) -> None:
        self.server.client.admin.command("revokeRolesFromUser", self.user, roles=[self.user])
        for verb in ("run", "show"):
            self.assertIn("not authorized", self.do("-v", self.lock, *(["true"] if verb == "run" else []), verb=verb, status=125))
        self.check()

    def test_the_server_is_out_of_reach(self) -> None:
        holder = self.hold_lock("-v", "--ttl", "5s", self.lock)
        self.server.break_off()
        self.keep(*holder.communicate(timeout=PATIENCE))
        self.assertEqual(holder.returncode, 123)
        self.do("-v", "-w", "1", self.lock, "true", status=125)
        port = self.server.port
        for host in ("127.0.0.1:1", "no.such.example"):
            self.environment["DLOCK_URL"] = self.url.replace(f"127.0.0.1:{port}", host)
            self.do("-v", "-w", "2", self.lock, "true", status=125)
        self.check()

    def test_the_url_is_malformed(self) -> None:
        pieces = [uuid.uuid4().hex for _ in range(3)]
        host = f"127.0.0.1:{self.server.port}"
        for form in MALFORMED:
            url = form.replace("{host}", host)
            for piece in pieces:
                url = url.replace("{}", piece, 1)
            self.file("url").write_text(url, errors="surrogateescape")
            self.environment["DLOCK_URL"] = url
            self.do("-v", "-w", "0.3", self.lock, "true", status=125)
            self.do("-v", "--url-file", "url", "-w", "0.3", self.lock, "true", status=125)
            for option in ("--url", "--notif_url"):
                self.do("-v", option, url, "-w", "0.3", self.lock, "true", status=125)
        self.check(*pieces)

    def test_the_servers_log(self) -> None:
        self.do("-v", self.lock, "true")
        logs = [*Path(SERVER).glob("*/mongod.log")]
        self.assertTrue(logs)
        for log in logs:
            self.assertEqual(find_secret(log.parent, self.secret), [])


if __name__ == "__main__":
    main()
