#!/usr/bin/python3
"""dlock where it cannot do its work: a /proc that is not its own, dlock inside dlock, too few descriptors, a shell that
is none. One clear line, status 125; or it works."""

import os
import shutil
import subprocess
import sys
import unittest

from harness import PATIENCE, Case, is_alive, main, wait_for

# Executes its arguments in a process whose number in this PID namespace is the one that it has in the outer one.
TWIN = """
import os, sys
def numbers():
    return next(line for line in open("/proc/self/status") if line.startswith("NSpid:")).split()[1:]
for _ in range(300):
    if os.fork() == 0:
        open("/proc/sys/kernel/ns_last_pid", "w").write(numbers()[0])  # the next one here; so it is out there, with luck
        os._exit(0)
    os.wait()
    if os.fork() == 0:
        outer, inner = numbers()
        if outer == inner:
            os.execvp(sys.argv[1], sys.argv[1:])
        os._exit(77)
    status = os.waitstatus_to_exitcode(os.wait()[1])
    if status != 77:
        sys.exit(status)
sys.exit(77)
"""

# Sanitizers look at themselves in /proc, and fail before dlock does anything.
needs_proc = unittest.skipIf("TSAN_OPTIONS" in os.environ, "sanitizers cannot do without /proc")
needs_root = unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare"), "needs root, to make namespaces")


class Surroundings(Case):
    def refused(self, *words: str, **options: object) -> str:
        """The line that says why."""
        result = self.run_to_end(*words, **options)
        self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (125, "", 1), result.stderr)
        self.assertTrue(result.stderr.startswith("dlock: "), result.stderr)
        return result.stderr

    def check_refused_with(self, text: str, *through: str) -> None:
        """Before the server was asked for anything: nothing is held, or waits."""
        for verb in ("run", "elect"):
            self.assertIn(text, self.refused(self.lock, "touch", "ran", verb=verb, through=through))
            self.assertFalse(self.file("ran").exists())
            self.assertIsNone(self.look(self.lock))

    @needs_root
    def test_the_proc_of_an_outer_pid_namespace(self) -> None:
        self.check_refused_with("unshare --mount-proc", "unshare", "--pid", "--fork", "--kill-child")
        # As process 1 it would take number 2 out there for its guard. Here it has another number.
        self.check_refused_with("unshare --mount-proc", "unshare", "--pid", "--fork", "--kill-child", "sh", "-c", '"$@"; exit $?', "sh")

    @needs_root
    def test_the_same_number_in_both_namespaces(self) -> None:
        """There /proc/self alone does not tell."""
        twin = ("unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", TWIN)
        if self.run_to_end(through=(*twin, "true")).returncode == 77:
            self.skipTest("no such number was given out: others fork too fast")
        self.check_refused_with("unshare --mount-proc", *twin)

    @needs_root
    @needs_proc
    def test_no_proc_at_all(self) -> None:
        self.check_refused_with("/proc is not mounted", "unshare", "--mount", "sh", "-c", 'umount -l /proc; exec "$@"', "sh")

    @needs_root
    @needs_proc
    def test_the_proc_of_an_inner_pid_namespace(self) -> None:
        """/proc/self leads nowhere then."""
        show = 'unshare --pid --fork mount -t proc proc "$PWD/inner" && mount --move "$PWD/inner" /proc; exec "$@"'
        self.file("inner").mkdir()
        self.check_refused_with("unshare --mount-proc", "unshare", "--mount", "sh", "-c", show, "sh")

    @needs_root
    def test_a_pid_namespace_with_a_proc_of_its_own(self) -> None:
        result = self.run_to_end(self.lock, "sh", "-c", "exit 7", through=("unshare", "--pid", "--fork", "--mount-proc"))
        self.assertEqual((result.returncode, result.stderr), (7, ""))

    @needs_root
    def test_a_proc_that_hides_the_processes_of_others(self) -> None:
        """Its own it shows."""
        self.folder.chmod(0o777)
        hidden = ("unshare", "--mount", "sh", "-c", 'mount -o remount,hidepid=2 /proc; exec "$@"', "sh",
                  "setpriv", "--reuid", "65534", "--clear-groups")
        script = self.script("setsid sleep 600 & echo $! >>left; echo yes >ready; wait")
        process = self.start("--ttl", "4s", "--clock_skew", "0s", self.lock, script, through=hidden)
        self.wait_for_file("ready")
        self.server.evict(self.lock)
        self.ended(process, 123)
        for pid in self.pids_in("left"):
            self.assertFalse(is_alive(pid))  # perhaps its new parent has not yet asked for its status

    def test_too_few_descriptors(self) -> None:
        self.check_refused_with("of the 20 that this process may have, and dlock needs 32; raise the limit (ulimit -n)",
                                "sh", "-c", 'ulimit -n 20; exec "$@"', "sh")
        result = self.run_to_end(self.lock, "true", through=("sh", "-c", 'ulimit -n 40; exec "$@"', "sh"))
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_shell_that_runs_nothing(self) -> None:
        for shell in ("/usr/sbin/nologin", "/bin/false", "true"):
            self.environment["SHELL"] = shell
            for verb in ("run", "elect"):
                self.assertIn(f"'{shell}' runs nothing", self.refused(self.lock, "-c", "touch ran", verb=verb))
        self.environment["SHELL"] = ""
        self.assertEqual(self.run_to_end(self.lock, "-c", "exit 7").returncode, 7)

    def inner(self, words: str, outer: str = "") -> subprocess.CompletedProcess[str]:
        """Of dlock run with `words`, in a dlock run with `outer` and the lock."""
        return self.run_to_end(*outer.split(), self.lock, "-c", self.shell_command(words))

    def check_waits_for_itself(self, words: str, outer: str = "") -> None:
        result = self.inner(words, outer)
        self.assertEqual(result.returncode, 125, result.stderr)
        self.assertRegex(result.stderr, r"\Adlock: would wait for itself.* holds 'job' \(token \d+\); .*DLOCK_HELD.*\n\Z")

    def check_nests(self, words: str, outer: str = "") -> None:
        result = self.inner(words, outer)
        self.assertEqual((result.returncode, result.stderr), (7, ""))

    def test_a_nested_dlock_that_would_wait_for_itself(self) -> None:
        self.check_waits_for_itself("job -- true")
        self.check_waits_for_itself("-w 60 job -- true")
        self.check_waits_for_itself("-s job -- true")
        self.check_waits_for_itself("job -- true", "-s")
        self.check_waits_for_itself("--id another --id job -- true")
        self.check_waits_for_itself("--permits 3 --take 2 job -- true", "--permits 3 --take 2")
        self.assertEqual(self.run_to_end(self.lock, "-c", self.shell_command("job -- true", verb="elect")).returncode, 125)

    def test_a_nested_dlock_two_levels_down(self) -> None:
        inmost = self.script(self.shell_command("job -- true"))
        self.check_waits_for_itself(f"another -- {inmost}")
        self.check_waits_for_itself(f"--permits 4 job -- {self.script(self.shell_command('--permits 4 --take 3 job -- true'))}", "--permits 4")

    def test_a_nested_dlock_that_need_not_wait(self) -> None:
        self.check_nests("another -- sh -c 'exit 7'")
        self.check_nests("-s job -- sh -c 'exit 7'", "-s")
        self.check_nests("--permits 3 job -- sh -c 'exit 7'", "--permits 3 --take 2")
        self.check_nests("-E 7 -n job -- true")  # it does not wait
        self.check_nests("--coll others job -- sh -c 'exit 7'")

    def test_a_nested_dlock_that_waits_for_others(self) -> None:
        """Of three permits others have one, for now."""
        other = self.hold_lock("--permits", "3", self.lock)
        nested = self.script("echo yes >begun\n" + self.shell_command("--permits 3 --take 2 job -- sh -c 'exit 7'"))
        process = self.start("--permits", "3", self.lock, nested)
        self.wait_for_file("begun")
        wait_for(lambda: self.look(self.lock)["waiters"], "it to wait")
        self.end_job(other)
        self.assertEqual(self.ended(process, 7), "")

    def test_a_nested_reader_behind_a_writer(self) -> None:
        """The writer waits for the outer reader, and that for the inner one."""
        nested = self.script(f"echo yes >begun; until [ -e go ]; do sleep 0.01; done\n{self.shell_command('-s job -- true')}\n")
        process = self.start("-s", self.lock, nested)
        self.wait_for_file("begun")
        writer = self.start(self.lock, "true")
        wait_for(lambda: self.look(self.lock)["waiters"], "it to wait")
        self.file("go").touch()
        self.assertIn("would wait for itself", self.ended(process, 125))
        self.assertEqual(writer.wait(PATIENCE), 0)

    def test_a_nested_dlock_in_the_background_may_wait(self) -> None:
        """Once it is told that nobody waits for it."""
        self.run_to_end(self.lock, "-c", f"env -u DLOCK_HELD {self.shell_command('-w 30 job -- touch later')} >&- 2>&- &")
        wait_for(self.file("later").exists, "it to get the lock")


if __name__ == "__main__":
    main()
