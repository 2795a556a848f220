#!/usr/bin/python3
"""dlock run on a terminal: what works without dlock works with it."""

import os
import shutil
import signal
import time
import unittest

from harness import PATIENCE, is_alive, main, state_of, wait_for
from on_terminal import OnTerminal
from test_loss import CHAIN
from test_signals import LISTENER

# Reads single keys from the terminal, without echo, until q; then prints them. Of its input, says how much there was.
EDITOR = """#!/usr/bin/python3
import os, sys, termios, tty
if not sys.stdin.isatty():
    print(len(sys.stdin.read()), "bytes", flush=True)
keys = ""
with open("/dev/tty", "r+b", buffering=0) as terminal:
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal)
    terminal.write(b"editing\\r\\n")
    while (key := terminal.read(1).decode()) != "q":
        keys += key
    termios.tcsetattr(terminal, termios.TCSADRAIN, before)
print("edited", keys)
"""


class Jobs(OnTerminal):
    def test_an_editor(self) -> None:
        terminal = self.types(f"{self.lock} {self.script(EDITOR)}", "editing")
        terminal.type("ab\x03\x1acq", "edited ab\x03\x1ac")
        self.assertEqual(terminal.status(), 0)

    @unittest.skipUnless(shutil.which("vim"), "no vim here")
    def test_vim(self) -> None:
        terminal = self.types(f"{self.lock} vim -u NONE text", "text")
        terminal.type("ihello\x1b:wq\r")
        self.assertEqual(terminal.status(), 0)
        self.assertEqual(self.file("text").read_text(), "hello\n")

    def test_a_pager_behind_a_pipe(self) -> None:
        terminal = self.types(f"{self.lock} -- seq 100000 | {self.script(EDITOR)}", "588895 bytes")
        terminal.expect("editing")
        terminal.type("xq", "edited x")
        self.assertEqual(terminal.status(), 0)

    @unittest.skipUnless(shutil.which("less"), "no less here")
    def test_less(self) -> None:
        self.environment["TERM"] = "xterm"
        terminal = self.types(f"{self.lock} -- seq 100000 | less", "5\r\n")
        terminal.type("q")
        self.assertEqual(terminal.status(), 0)
        terminal.type(self.shell_command(f"{self.lock} less /etc/passwd\n"))
        terminal.expect("/etc/passwd")  # less's prompt
        time.sleep(0.2)
        terminal.type("\x1a", "Stopped")
        terminal.type("fg\n", "root:")
        terminal.type("q")
        self.assertEqual(terminal.status(), 0)

    def test_the_command_is_in_the_foreground_group(self) -> None:
        terminal = self.types(f"{self.lock} -c 'echo groups $(cut -d\" \" -f5,8 /proc/$$/stat)'")
        found = terminal.expect(r"groups (\d+) +(\d+)")
        self.assertEqual(found[1], found[2])
        self.assertEqual(terminal.status(), 0)

    def test_ctrl_c_ends_a_script(self) -> None:
        script = self.script("#!/bin/bash\n" + self.shell_command(f"{self.lock} sh -c 'echo running; exec sleep 600'\n") +
                             "echo NOT ME\n", "inner")
        terminal = self.terminal()
        terminal.type(f"{script}\n", "running")
        terminal.type("\x03")
        self.assertEqual(terminal.status(), 130)
        self.assertNotIn("NOT ME", terminal.output)

    def test_a_background_job(self) -> None:
        terminal = self.types(f"{self.lock} sh -c 'echo yes >running; until [ -e end ]; do sleep 0.05; done; "
                                         "exit 9' &")
        self.wait_for_file("running")
        terminal.type("echo still''here\n", "stillhere\r\n<%> ")
        terminal.type("\x03")  # is not for it
        time.sleep(0.2)
        terminal.type("\n", "<%> ")
        self.file("end").touch()
        terminal.type("wait $!\n")
        self.assertEqual(terminal.status(), 9)

    def test_a_background_job_that_reads_is_stopped(self) -> None:
        terminal = self.types(f"{self.lock} -c 'read line; echo got $line' &")
        dlock = self.job_of(terminal)
        wait_for(lambda: state_of(dlock) == "T", "dlock to be stopped")
        terminal.type("set -b\n")
        terminal.expect("Stopped")  # the shell knows
        terminal.type("fg\n")
        wait_for(lambda: state_of(dlock) != "T", "dlock to go on")
        terminal.type("something\n", "got something")
        self.assertEqual(terminal.status(), 0)

    def test_ctrl_z_and_fg(self) -> None:
        # Not a shell script: /bin/sh cannot be stopped while its child is between vfork and exec.
        terminal, dlock = self.listening()
        for _ in range(3):
            terminal.type("\x1a", "Stopped")
            wait_for(lambda: state_of(dlock) == "T", "dlock to be stopped")
            terminal.type("fg\n")
            wait_for(lambda: state_of(dlock) == "S", "dlock to go on")
            time.sleep(0.2)
            self.assertNotEqual(state_of(dlock), "T")
        terminal.type("\x1a", "Stopped")
        terminal.type("bg\n")
        wait_for(lambda: state_of(dlock) == "S", "dlock to go on")
        self.check_heard()
        terminal.type("wait $!\n")
        self.assertEqual(terminal.status(), 5)

    def test_ctrl_z_beyond_the_lease(self) -> None:
        terminal = self.types(f"--ttl 3s {self.lock} {self.script(LISTENER, 'listener')} log")
        self.wait_for_file("log")
        dlock = self.job_of(terminal)
        command = self.command_of(dlock)
        terminal.type("\x1a", "Stopped")
        wait_for(lambda: state_of(command) == "T", "the command to be stopped")
        rival = self.start(self.lock, "sh", "-c", f"kill -0 {command} && echo alive")
        self.assertEqual(rival.communicate(timeout=PATIENCE)[0], "")
        self.assertEqual(self.file("log").read_text().split(), ["ready", "SIGTERM"])
        terminal.type("fg\n", "dlock: lost the lock 'job' while the command ran")
        self.assertEqual(terminal.status(), 123)

    def test_ctrl_z_while_waiting(self) -> None:
        terminal = self.terminal()
        with self.holder():
            terminal.type(self.shell_command(f"{self.lock} echo mine\n"))
            dlock = self.job_of(terminal)
            wait_for(lambda: self.look(self.lock)["waiters"], "it to wait")
            terminal.type("\x1a", "Stopped")
            self.assertEqual(state_of(dlock), "T")
            terminal.type("fg\n")
            wait_for(lambda: state_of(dlock) == "S", "dlock to go on")
        terminal.expect("mine")
        self.assertEqual(terminal.status(), 0)

    def test_a_command_that_handles_ctrl_z_itself(self) -> None:
        """As without dlock: nothing is stopped before the command has stopped, and it may take its time."""
        terminal = self.terminal()
        script = self.script("#!/usr/bin/python3\nimport signal, time\n"
                             "signal.signal(signal.SIGTSTP, lambda *_: (time.sleep(0.5), print('tidy', flush=True)))\n"
                             "print('running', flush=True)\nwhile True:\n    time.sleep(0.1)\n", "tidy")
        terminal.type(self.shell_command(f"{self.lock} {script}\n"), "running")
        dlock = self.job_of(terminal)
        terminal.type("\x1a", "tidy")
        self.assertNotEqual(state_of(dlock), "T")

    def test_a_command_that_stops_only_itself(self) -> None:
        terminal = self.types(f"{self.lock} sh -c 'kill -TSTP $$; echo went on; exit 8'", "Stopped")
        terminal.type("fg\n", "went on")
        self.assertEqual(terminal.status(), 8)

    def test_the_terminal_is_usable_after_an_editor_was_killed(self) -> None:
        script = self.script("#!/bin/bash\n" + self.shell_command(f"{self.lock} {self.script(EDITOR)}\n") +
                             "stty -a | tr ' ' '\\n' | grep -x -e '-*icanon;*'\n", "outer")
        terminal = self.terminal()
        terminal.type(f"{script}\n", "editing")
        self.server.evict(self.lock)
        terminal.expect("dlock: lost the lock")
        self.assertEqual(terminal.expect("-?icanon")[0], "icanon")

    def test_the_shell_goes_away(self) -> None:
        terminal = self.types(f"{self.lock} sh -c 'echo $$ >running; exec sleep 600'")
        command = self.pids_in("running")[0]
        terminal.hang_up()
        wait_for(lambda: not is_alive(command), "the command to end")

    def test_a_killed_job_leaves_nothing(self) -> None:
        """kill -9 of the whole group: the guard is not in it."""
        terminal = self.types(f"--ttl 3s {self.lock} bash -c 'setsid sh -c \"trap : TERM HUP; echo \\$\\$ >running; "
                                         "while :; do sleep 0.1; done\" & wait'")
        process = self.pids_in("running")[0]
        os.killpg(self.job_of(terminal), signal.SIGKILL)
        terminal.expect("Killed")
        wait_for(lambda: not is_alive(process), "the process to end")

    def test_a_chain_of_forks_in_dlocks_group(self) -> None:
        terminal = self.terminal()
        chain = self.script(CHAIN)
        terminal.type(self.shell_command(f"--ttl 3s --clock_skew 0s {self.lock} env FAMILY={self.folder} {chain}\n"))
        self.wait_for_file("ready")
        os.kill(self.job_of(terminal), signal.SIGSTOP)
        rival = self.start("--clock_skew", "0s", self.lock, "sh", "-c",
                           f"grep -slaF FAMILY={self.folder} /proc/[0-9]*/environ >survivors; true")
        rival.communicate(timeout=PATIENCE)
        self.assertEqual(self.file("survivors").read_text(), "")
        os.kill(self.job_of(terminal), signal.SIGCONT)
        terminal.expect("dlock: lost the lock")

    def test_inside_timeout(self) -> None:
        terminal = self.terminal()
        terminal.type(f"timeout 5 {self.shell_command(self.lock)} sleep 600\n")
        self.assertEqual(terminal.status(), 124)
        result = self.run_to_end("-n", self.lock, "true")
        self.assertEqual((result.returncode, result.stderr), (0, ""))


if __name__ == "__main__":
    main()
