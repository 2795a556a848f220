#!/usr/bin/python3
"""scripts/portability.py: what it takes from the docs, and the chroot in which its work is done, here a small one with little more
than bash in it and a project with a script of our own. Whatever happens, nothing stays mounted, running or in the cache."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "scripts"))
import portability  # noqa: E402

PATIENCE = 60.0
BASH = shutil.which("bash") or ""
NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "true"]
may_enter = os.geteuid() == 0 and subprocess.run(NAMESPACES, capture_output=True, check=False).returncode == 0


def install(program: str, root: Path) -> None:
    """A program with its libraries."""
    path = shutil.which(program)
    assert path is not None
    libraries = re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", path], stdout=subprocess.PIPE, text=True, check=True).stdout)
    for file in [path, *libraries]:
        target = root / file.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)


def write_program(path: Path, script: str) -> None:
    path.write_text(f"#!{BASH}\n{script}\n")
    path.chmod(0o755)


class Documents(unittest.TestCase):
    def test_the_packages_are_those_of_the_docs(self) -> None:
        packages = portability.documented_packages((PROJECT / "docs" / "install.md").read_text())
        self.assertIn("libmongoc-dev", packages)
        self.assertEqual(packages, portability.documented_packages((PROJECT / "README.md").read_text()), "README.md says the same")

    def test_docs_without_the_packages(self) -> None:
        line = "$ sudo apt install --no-install-recommends g++ make\n"
        self.assertEqual(["g++", "make"], portability.documented_packages(f"text\n{line}text\n"))
        for text in ("", line + line):
            with self.assertRaisesRegex(portability.Failure, "docs/install.md has no line, or several"):
                portability.documented_packages(text)

    @unittest.skipIf(shutil.which("apt-get") is None, "no Debian")
    def test_the_mirror_is_that_of_apt(self) -> None:
        self.assertRegex(portability.mirror(), r"\A[a-z+]+:/\S+\Z")


@unittest.skipUnless(may_enter, "needs root, and namespaces")
class Chroot(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.cache = self.folder / "cache" / "dlock"
        root = self.cache / "debian-trixie"
        for name in ("proc", "sys", "dev", "tmp", "etc/apt/apt.conf.d", "etc/dpkg/dpkg.cfg.d", "src"):
            (root / name).mkdir(parents=True)
        for program in ("bash", "env", "sleep", "touch", "mkdir"):
            install(program, root)
        self.apt_get("exit 0")
        (self.folder / "tools").mkdir()
        shutil.copytree("/usr/lib/locale/C.utf8", root / "usr/lib/locale/C.utf8")  # or bash warns
        self.project = self.folder / "project"
        shutil.copytree(PROJECT / "scripts", self.project / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        (self.project / "docs").mkdir()
        (self.project / "docs" / "install.md").write_text("$ sudo apt install --no-install-recommends g++ make\n")
        (self.project / ".gitignore").write_text("/build/\n")
        subprocess.run(["git", "init", "-q", str(self.project)], check=True)

    def apt_get(self, script: str) -> None:
        """What it does in the chroot."""
        write_program((self.cache / "debian-trixie" / BASH.lstrip("/")).with_name("apt-get"), script)

    def make_too_old(self) -> None:
        old = time.time() - portability.FRESH - 100
        os.utime(self.cache / "debian-trixie", (old, old))

    def use(self, name: str, script: str) -> None:
        """In place of the program with that name; outside of the chroot."""
        write_program(self.folder / "tools" / name, script)

    def start(self, script: str, *through: str) -> subprocess.Popen[str]:
        (self.project / "scripts" / "portability_inside.sh").write_text("trap 'exit 130' INT\ntrap 'exit 143' TERM\n" + script)
        environment = os.environ | {"XDG_CACHE_HOME": str(self.folder / "cache"), "DLOCK_TEST_URL": "mongodb://somewhere",
                                    "DLOCK_EVIDENCE": "/not/there", "PATH": f"{self.folder}/tools:{os.environ['PATH']}"}
        process = subprocess.Popen([*through, str(self.project / "scripts" / "portability.py"), "trixie"], env=environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def start_and_wait(self, script: str) -> subprocess.Popen[str]:
        """Until the script has come to its first line of output."""
        process = self.start(script)
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        self.assertIn("begun\n", lines)
        return process

    def output(self, script: str, status: int, *through: str) -> str:
        process = self.start(script, *through)
        text, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(status, process.returncode, text)
        self.check_nothing_is_left()
        return text

    def check_nothing_is_left(self) -> None:
        kept = {file.name for file in self.cache.iterdir()} - {"debian-trixie.log"}
        self.assertEqual({"debian-trixie", "debian-trixie.lock"}, kept)
        self.assertNotIn(str(self.folder), Path("/proc/self/mountinfo").read_text())
        self.assertEqual([], list((self.cache / "debian-trixie" / "src").iterdir()), "the base is as it was")

    def test_what_a_process_sees(self) -> None:
        (self.project / "build").mkdir()
        (self.project / "build" / "built").touch()
        text = self.output("""
            echo "packages: $*"
            echo "self: $$, processes: $(cd /proc && echo [0-9]*)"
            echo "url: $DLOCK_TEST_URL, evidence: ${DLOCK_EVIDENCE:-none}, home: $HOME"
            echo "shm: $(echo /dev/shm/*)"
            echo "source: $(cd /src && echo *)"
            echo x >/dev/null && touch /src/new && echo written
            """, 0)
        self.assertIn("packages: g++ make\n", text)
        self.assertRegex(text, r"self: 1, processes: 1 \d+\n")
        self.assertIn("url: mongodb://somewhere, evidence: none, home: /root\n", text)
        self.assertIn("shm: /dev/shm/*\n", text)
        self.assertIn("source: docs scripts\n", text)
        self.assertIn("written\n", text)
        self.assertFalse((self.project / "new").exists(), "the source is a copy")

    def test_a_failure_keeps_the_evidence(self) -> None:
        text = self.output("mkdir -p /src/build-install/evidence/a && echo why >/src/build-install/evidence/a/log; exit 3", 1)
        kept = self.project / "build" / "evidence" / "portability-trixie"
        self.assertIn(f"evidence: {kept}\n", text)
        self.assertEqual("why\n", (kept / "a" / "log").read_text())

    def test_an_end_by_a_signal(self) -> None:
        for signum, to_all in ((signal.SIGTERM, False), (signal.SIGINT, True), (signal.SIGHUP, False)):
            with self.subTest(signum.name):
                process = self.start_and_wait("sleep 1000 & echo begun; wait; sleep 1000")
                (os.killpg if to_all else os.kill)(process.pid, signum)
                # Its end is that of all who have its output open.
                process.communicate(timeout=PATIENCE)
                self.assertEqual(128 + signum, process.returncode)
                self.check_nothing_is_left()

    def test_the_end_by_kill_9(self) -> None:
        process = self.start_and_wait("sleep 1000 & echo begun; wait")
        process.kill()
        process.communicate(timeout=PATIENCE)
        self.assertNotIn(str(self.folder), Path("/proc/self/mountinfo").read_text())
        self.output("exit 0", 0)  # removes what that one left

    def test_one_at_a_time(self) -> None:
        first = self.start_and_wait("echo begun; sleep 1000")
        second = self.start("exit 0")
        text, _ = second.communicate(timeout=PATIENCE)
        self.assertEqual((1, "portability: another ./run portability or ./run package of trixie is under way\n"), (second.returncode, text))
        first.terminate()
        first.communicate(timeout=PATIENCE)
        self.check_nothing_is_left()

    def test_an_old_base_is_made_anew(self) -> None:
        self.make_too_old()
        shutil.copytree(self.cache / "debian-trixie", self.folder / "new", symlinks=True)
        self.use("debootstrap", f'echo "called: $*"; cp -r {self.folder}/new "$3"')
        text = self.output("echo entered", 0)
        self.assertIn("entered\n", text)
        self.assertLess(time.time() - (self.cache / "debian-trixie").stat().st_mtime, portability.FRESH / 2)
        self.assertRegex((self.cache / "debian-trixie.log").read_text(),
                         r"\Acalled: --variant=minbase trixie \S+/debian-trixie.new \S+\n\Z")

    def check_not_tried(self, why: str, last: str, *through: str) -> None:
        """`why`: the reason that is told. `last`: the end of what is said, which may be what another program said."""
        text = self.output("echo begun", 3, *through)
        self.assertRegex(text, rf"(?m)^portability: trixie was not tried: [^\n]*{why}")
        self.assertRegex(text, rf"{last}\Z")
        self.assertNotIn("begun", text)

    def test_what_cannot_be_tried(self) -> None:
        self.check_not_tried("nothing can be started", "unshare: .*not permitted\n", "setpriv", "--bounding-set", "-sys_admin")
        self.check_not_tried("nothing can be started", "chroot: .*not permitted\n", "setpriv", "--bounding-set", "-sys_chroot")
        self.apt_get('echo "$*: could not resolve"; exit 100')  # a base is there, from another day
        self.check_not_tried("apt-get update failed", ":\n-qq update: could not resolve\n")
        self.make_too_old()
        self.check_not_tried("there is no debootstrap", "", "env", "PATH=/not/there")
        self.use("debootstrap", "echo no such suite; mkdir $3; exit 1")
        self.check_not_tried("debootstrap can make no trixie from ", ":\nno such suite\n")
        self.use("apt-get", "exit 0")
        self.check_not_tried("name no Debian mirror", "")


@unittest.skipUnless(may_enter, "needs root, and namespaces")
class Verb(unittest.TestCase):
    """What ./run says before it comes to all that."""

    def check_not_tried(self, why: str, *through: str, **environment: str) -> None:
        done = subprocess.run([*through, str(PROJECT / "run"), "portability", "trixie"], env=os.environ | environment, text=True,
                              capture_output=True, check=False, timeout=PATIENCE)
        self.assertEqual(3, done.returncode, done)
        self.assertRegex(done.stderr, rf"(?m)^run: trixie was not tried: {why}[^\n]*\n\Z")

    def test_without_root(self) -> None:
        self.check_not_tried("that takes a chroot and mounts, which only root can make", "unshare", "--user")

    def test_debootstrap_cannot_be_installed(self) -> None:
        with tempfile.TemporaryDirectory() as tools:
            write_program(Path(tools) / "dpkg-query", "exit 1")
            write_program(Path(tools) / "apt-get", "echo no network; exit 100")
            self.check_not_tried("there is no debootstrap", PATH=f"{tools}:{os.environ['PATH']}")


if __name__ == "__main__":
    unittest.main()
