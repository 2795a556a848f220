#!/usr/bin/python3
"""dlock run: exit statuses, arguments, environment, waiting, --at-least, --verbose."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from harness import ADMIN_URL, DLOCK, PATIENCE, Case, main, read_line, wait_for

SHOW_EVERYTHING = """#!/usr/bin/python3 -I
import os
print(os.getcwd(), os.umask(0), os.getpriority(os.PRIO_PROCESS, 0))
print(open("/proc/self/limits").read())
for fd in range(1000):
    try:
        name = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        continue
    print(fd, "pipe" if name.startswith("pipe:") else name)
print(sorted(pair for pair in os.environ.items() if not pair[0].startswith("DLOCK_")))
print([line for line in open("/proc/self/status").read().splitlines() if line.startswith(("SigBlk", "SigIgn", "SigCgt"))])
"""


class Status(Case):
    def check(self, expected: int, *words: str, err: str = "") -> None:
        result = self.run_to_end(*words)
        self.assertEqual((result.returncode, result.stderr), (expected, err), words)

    def test_the_commands_own(self) -> None:
        self.check(0, self.lock, "true")
        self.check(7, self.lock, "sh", "-c", "exit 7")
        self.check(255, self.lock, "sh", "-c", "exit 255")

    def test_128_plus_the_signal(self) -> None:
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            self.check(128 + number, self.lock, "sh", "-c", f"kill -{number} $$")

    def test_126_and_127(self) -> None:
        plain = self.file("plain")
        plain.write_text("text")
        result = self.run_to_end(self.lock, str(plain))
        self.assertEqual(result.returncode, 126)
        self.assertEqual(result.stderr, f"dlock: cannot execute '{plain}': Permission denied\n")
        self.assertEqual(self.run_to_end(self.lock, "/").returncode, 126)
        without = self.script("#!/no/such/interpreter\n", "without-interpreter")
        self.assertEqual(self.run_to_end(self.lock, without).returncode, 126)
        self.environment["PATH"] = f"{self.folder}:/usr/bin:/bin"
        self.assertEqual(self.run_to_end(self.lock, "without-interpreter").returncode, 126)
        result = self.run_to_end(self.lock, "no-such-command")
        self.assertEqual(result.returncode, 127)
        self.assertEqual(result.stderr, "dlock: cannot execute 'no-such-command': No such file or directory\n")
        self.assertEqual(self.run_to_end(self.lock, "./no-such-command").returncode, 127)
        self.check(0, "-n", self.lock, "true")  # each time it was released

    def test_124_when_others_hold_it(self) -> None:
        with self.holder():
            self.check(124, "-n", self.lock, "true")
            self.check(124, "--nonblock", self.lock, "true")
            self.check(124, "-w", "0", self.lock, "true")
            self.check(3, "-n", "-E", "3", self.lock, "true")
            self.check(0, "-n", "-E", "0", self.lock, "true")
            self.check(255, self.lock, "-nE255", "true")

    def test_wait_is_kept_to(self) -> None:
        with self.holder():
            for word, seconds in (("3", 3.0), ("3.5", 3.5), ("3200ms", 3.2), ("4s", 4.0)):  # for the contact as well
                began = time.monotonic()
                self.check(124, "-w", word, self.lock, "true")
                took = time.monotonic() - began
                self.assertTrue(seconds <= took < seconds + 5, f"-w {word} took {took:.3f} s")

    def test_the_next_one_is_woken(self) -> None:
        """Although dlock ends right after its release; by itself the next one would poll after half a minute. What tells it may
        be lost, on a busy machine, but not always."""
        took = []
        while not took or (took[-1] > 10 and len(took) < 3):
            with self.holder("--ttl", "60s") as holder:
                waiter = self.wait_in_queue("--ttl", "60s", "--wait_lock_period", "60s", self.lock, "true")
                time.sleep(2)
                began = time.monotonic()
                holder.terminate()
                self.assertEqual(waiter.wait(90), 0)
                took.append(time.monotonic() - began)
        self.assertLess(took[-1], 10)

    def test_a_timeout_leaves_the_queue(self) -> None:
        """It has 0.4 s for that, not always enough on a busy machine."""
        def leaves() -> bool:
            waiter = self.start("-w", "3", "--ttl", "60s", self.lock, "true")
            self.assertEqual((waiter.communicate(timeout=PATIENCE), waiter.returncode), (("", ""), 124))
            return not any(f":{waiter.pid} " in each["who"] for each in self.look(self.lock)["waiters"])

        with self.holder("--ttl", "60s"):
            wait_for(leaves, "a waiter that leaves the queue")

    def test_waits_for_ever_by_default(self) -> None:
        with self.holder() as holder:
            waiter = self.start(self.lock, "echo", "mine")
            time.sleep(1)
            self.assertIsNone(waiter.poll())
            holder.terminate()
            self.assertEqual(waiter.communicate(timeout=PATIENCE)[0], "mine\n")

    def test_an_outage_while_waiting_is_waited_out(self) -> None:
        with self.holder("--ttl", "20s"):
            waiter = self.wait_in_queue("-w", "60", self.lock, "echo", "mine")
            self.server.break_off()
            time.sleep(1.5)
            self.assertIsNone(waiter.poll())
            self.server.mend()
            time.sleep(0.5)
            self.assertIsNone(waiter.poll())
        self.assertEqual(waiter.communicate(timeout=PATIENCE)[0], "mine\n")

    def test_a_release_without_an_answer(self) -> None:
        process = self.start(self.lock, "sh", "-c", "echo yes >running; read line; exit 6", stdin=subprocess.PIPE)
        self.wait_for_file("running")
        self.server.break_off()
        self.assertRegex(self.ended(process, 6, "go\n"), r"\Adlock: cannot release.*stays taken.*\n\Z")

    def test_123_when_the_release_learns_that_it_was_lost(self) -> None:
        process = self.start("--autorefresh", "no", self.lock, "sh", "-c", "echo yes >running; read line",
                             stdin=subprocess.PIPE)
        self.wait_for_file("running")
        self.server.evict(self.lock)
        self.assertRegex(self.ended(process, 123, "go\n"), r"\Adlock: lost the lock 'job' before it was released.*\n\Z")


class Arguments(Case):
    def check(self, out: str, *words: str) -> None:
        result = self.run_to_end(*words)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, out, ""), words)

    def test_words_after_the_command_are_the_commands(self) -> None:
        self.file("text").write_text("one\ntwo\n")
        self.check("2:two\n", self.lock, "grep", "-n", "two", "text")
        self.check("2:two\n", "-n", self.lock, "-w5", "grep", "-n", "two", "text")
        self.check("--ttl --help -- x\n", self.lock, "--ttl", "5s", "--", "echo", "--ttl", "--help", "--", "x")
        self.check("-- x\n", self.lock, "echo", "--", "x")
        self.check("x\n", "--", self.lock, "echo", "x")
        self.check("x\n", "--", self.lock, "--", "echo", "x")
        self.check("x\n", "-n", "--", "-odd id", "echo", "x")

    def test_shell(self) -> None:
        self.check("hi job\n", "-n", self.lock, "-c", "echo hi $DLOCK_ID")
        self.check("a b\n", "--shell", "echo a | sed 's/$/ b/'", self.lock)
        self.environment["SHELL"] = self.script('echo "my shell: $*"\n')
        self.check("my shell: -c x y\n", self.lock, "-cx y")
        del self.environment["SHELL"]
        self.check("x\n", self.lock, "-c", "echo x")

    def test_help_and_version(self) -> None:
        of_verbs = {"run": "OPTIONS] ID ", "elect": "", "watch": "OPTIONS] [ID...]", "ls": "OPTIONS]", "show": "OPTIONS] ID", "release": "", "completion": ""}
        for words, expected in (*((words, "Usage: dlock VERB") for words in (["--help"], ["-h"])),
                                *((words, r"dlock \d") for words in (["--version"], ["-V"])),
                                *(([verb, option], rf"Usage: dlock {verb} .*{re.escape(usage)}") for verb, usage in of_verbs.items()
                                  for option in ("-h", "--help")), (["run", "job", "-h"], "Usage: dlock run ")):
            result = subprocess.run([DLOCK, *words], capture_output=True, text=True, env=self.environment, timeout=PATIENCE)
            self.assertEqual((result.returncode, result.stderr), (0, ""), words)
            self.assertRegex(result.stdout, rf"\A{expected}", words)

    def test_help_that_cannot_be_written(self) -> None:
        for words in (["--help"], ["--version"], ["run", "--help"], ["elect", "--help"], ["watch", "--help"]):
            with open("/dev/full", "w") as full:
                result = subprocess.run([DLOCK, *words], stdout=full, stderr=subprocess.PIPE, text=True, env=self.environment,
                                        timeout=PATIENCE)
            self.assertEqual((result.returncode, result.stderr),
                             (125, "dlock: cannot write to standard output: No space left on device\n"), words)

    def test_the_servers_address(self) -> None:
        url = self.environment.pop("DLOCK_URL")
        path = self.file("url")
        path.write_text(url + "\n")
        may_be_shown = not ADMIN_URL  # it has no password
        if may_be_shown:
            self.check("", "--url", url, self.lock, "true")
        self.check("", "--url-file", str(path), self.lock, "true")
        self.environment["DLOCK_URL"] = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"
        self.check("", "--url-file", str(path), self.lock, "true")
        if may_be_shown:
            self.check("", "--url", url, self.lock, "true")


class Environment(Case):
    def test_it_replaces_inherited_variables(self) -> None:
        self.environment |= {"DLOCK_ID": "outer", "DLOCK_TOKEN": "1", "DLOCK_OWNER": "outer"}
        tokens = []
        for _ in range(2):
            out = self.run_to_end(self.lock, "sh", "-c", 'echo "$DLOCK_ID $DLOCK_TOKEN $DLOCK_OWNER"').stdout
            lock, token, owner = out.split()
            self.assertEqual(lock, self.lock)
            self.assertNotEqual(owner, "outer")
            tokens.append(int(token))
        self.assertGreater(tokens[0], 1)
        self.assertGreater(tokens[1], tokens[0])

    def test_one_lock_inside_another(self) -> None:
        inner = self.shell_command("inner sh -c 'echo $DLOCK_ID $DLOCK_TOKEN'")
        out = self.run_to_end("outer", "sh", "-c", f"echo $DLOCK_ID $DLOCK_TOKEN; {inner}; echo $DLOCK_ID").stdout
        lines = [line.split() for line in out.splitlines()]
        self.assertEqual([line[0] for line in lines], ["outer", "inner", "outer"])

    def test_everything_else_is_as_without_dlock(self) -> None:
        """Standard streams, open files, signals, limits, directory: as without dlock."""
        script = self.script(SHOW_EVERYTHING)
        environment = self.environment | {"FOO": "bar\nbaz"}
        words = ["env", "--ignore-signal=USR2,CHLD", "--block-signal=WINCH,USR1"]

        def outcome(*command: str) -> str:
            result = subprocess.run(["sh", "-c", 'umask 012; exec 9<"$0" <"$0"; exec "$@"', script, *words, *command],
                                    capture_output=True, text=True, env=environment, cwd=self.folder, timeout=PATIENCE)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            return result.stdout

        without = outcome(script)
        self.assertIn(r"'SigBlk:\t0000000008000200'", without)
        self.assertEqual(outcome(*self.command(self.lock, script)), without)

    def test_streams_that_are_closed_stay_closed(self) -> None:
        result = subprocess.run(["sh", "-c", 'exec "$@" 0<&- 2>&-', "sh", *self.command(self.lock, "ls", "/proc/self/fd")],
                                stdout=subprocess.PIPE, text=True, env=self.environment, timeout=PATIENCE)
        self.assertEqual(result.returncode, 0)
        # ls itself opens the folder, as 0
        self.assertEqual(result.stdout.split(), ["0", "1"])

    def test_input_and_output(self) -> None:
        process = self.start(self.lock, "cat", stdin=subprocess.PIPE)
        self.assertEqual(process.communicate("x" * 200_000, timeout=PATIENCE)[0], "x" * 200_000)

    def test_nothing_is_left_in_shared_memory(self) -> None:
        began = time.time() - 1  # a file system's clock may be a little behind
        process = self.start(self.lock, "sh", "-c", "echo yes >running; exec sleep 600")
        self.wait_for_file("running")

        def left() -> bool:
            """Not a file of an earlier process with this number, and not one of the test that follows: that one is empty."""
            try:
                found = os.stat(f"/dev/shm/mongoc-{process.pid}")
            except FileNotFoundError:
                return False
            return found.st_size > 0 and found.st_mtime >= began

        self.assertFalse(left())
        process.kill()
        process.wait()
        self.assertFalse(left())

    def test_files_of_others_in_shared_memory_do_no_harm(self) -> None:
        """The driver counts in a file that its process's number names, and complains if it is there. Which number comes next
        is not known; numbers mostly rise by one."""
        def met() -> bool:
            last = subprocess.Popen(["true"]).pid
            left: list[Path] = []
            try:
                for number in range(last + 1, last + 400):
                    path = Path(f"/dev/shm/mongoc-{number}")
                    if not path.exists():
                        path.touch(mode=0o600)
                        left.append(path)
                process = subprocess.Popen([DLOCK, "--version"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                           env=self.environment)
                out, err = process.communicate(timeout=PATIENCE)
            finally:
                for path in left:
                    path.unlink(missing_ok=True)
            self.assertRegex(out, r"\Adlock \d[^\n]*\n\Z")
            self.assertEqual((process.returncode, err), (0, ""))
            return process.pid in range(last + 1, last + 400)

        wait_for(met, "a process with one of those numbers")

    def test_the_output_ends_when_the_command_closes_it(self) -> None:
        """It closes its standard output and goes on: a reader sees the end at once."""
        process = self.start(self.lock, "sh", "-c", "exec >&-; echo yes >closed; sleep 600")
        self.wait_for_file("closed")
        assert process.stdout
        self.assertEqual(read_line(process.stdout), "")
        self.assertIsNone(process.poll())


class AtLeast(Case):
    def test_it_stays_taken(self) -> None:
        """And dlock itself does not wait for that."""
        began = time.monotonic()
        self.assertEqual(self.run_to_end("--at-least", "10s", self.lock, "true").returncode, 0)
        self.assertEqual(self.run_to_end("-n", self.lock, "true").returncode, 124)
        self.assertEqual(self.run_to_end(self.lock, "true").returncode, 0)
        self.assertGreater(time.monotonic() - began, 9.9)

    def test_a_longer_command_releases_at_once(self) -> None:
        self.assertEqual(self.run_to_end("--at-least", "100ms", self.lock, "sleep", "0.3").returncode, 0)
        self.assertEqual(self.run_to_end("-n", self.lock, "true").returncode, 0)


class Verbose(Case):
    def test_verbose_messages(self) -> None:
        with self.holder() as holder:
            result = self.run_to_end("-v", "-w", "3", self.lock, "true")
            self.assertEqual(result.returncode, 124)
            self.assertRegex(result.stderr, rf"(?m)^dlock: waiting for 'job', 0 ahead in the queue; held by "
                                            rf"\S+:{holder.pid} sh \(token \d+\), whose lease ends in [\d.]+ s")
            self.assertRegex(result.stderr, rf"(?m)^dlock: 'job' is taken by \S+:{holder.pid} sh .*gave up after \d")
        result = self.run_to_end("-v", self.lock, "true")
        self.assertRegex(result.stderr, r"(?m)^dlock: got 'job' after [\d.]+ s, token \d+$")

    def test_a_reader_that_does_not_read_does_no_harm(self) -> None:
        read_end, write_end = os.pipe()
        with open(read_end), open(write_end, "w") as pipe:
            os.set_blocking(write_end, False)
            try:
                while True:
                    os.write(write_end, b"x" * 4096)
            except BlockingIOError:
                pass
            os.set_blocking(write_end, True)
            self.assertEqual(self.run_to_end("-v", "--ttl", "4s", self.lock, "sleep", "5", stderr=pipe).returncode, 0)

    def test_control_characters_are_not_passed_on(self) -> None:
        with self.holder():
            pass
        result = self.run_to_end("-v", "red\x1b[31m\nline", "true")
        self.assertIn(r"got 'red\x1b[31m\x0aline' after", result.stderr)


if __name__ == "__main__":
    main()
