#!/usr/bin/python3
"""dlock run on a terminal: signals to the whole job and to dlock alone reach the command; see docs/adr/0019-signals-on-a-terminal.md."""

import os
import signal
import time

from harness import PATIENCE, children_of, main, state_of, wait_for
from on_terminal import OnTerminal
from test_signals import LISTENER


class Signals(OnTerminal):
    def test_ctrl_c_reaches_the_command_once(self) -> None:
        terminal, _ = self.listening()
        terminal.type("\x03")
        self.check_heard("SIGINT")
        self.assertEqual(terminal.status(), 5)  # it went on, and so did dlock

    def test_ctrl_backslash(self) -> None:
        terminal = self.types(f"{self.lock} sh -c 'echo running; exec sleep 600'", "running")
        terminal.type("\x1c")
        self.assertEqual(terminal.status(), 131)

    def test_a_signal_to_dlock_alone(self) -> None:
        terminal, dlock = self.listening()
        os.kill(dlock, signal.SIGTERM)
        wait_for(lambda: "TERM" in self.file("log").read_text(), "TERM")
        os.kill(dlock, signal.SIGINT)
        self.check_heard("SIGTERM", "SIGINT")

    def test_a_signal_to_the_job(self) -> None:
        terminal = self.terminal()
        terminal.type(self.listen() + " &\n")
        self.wait_for_file("log")
        terminal.type("kill -USR1 %1; sleep 0.2; kill -TERM %1\n")
        self.check_heard("SIGUSR1", "SIGTERM")

    def test_signals_to_the_job_and_to_dlock_alone_in_turn(self) -> None:
        """None is lost, and none comes twice, unless dlock says so: on a busy machine it cannot know."""
        terminal, dlock = self.listening()
        for turn in range(20):
            before = self.heard("SIGUSR1")
            (os.kill if turn % 2 else os.killpg)(dlock, signal.SIGUSR1)
            wait_for(lambda: self.heard("SIGUSR1") > before, f"signal {turn}")
            time.sleep(0.02)
        os.kill(dlock, signal.SIGUSR2)  # passed on after all the others
        wait_for(lambda: self.heard("SIGUSR2"), "the last signal")
        heard = self.heard("SIGUSR1")
        self.file("end").touch()
        self.assertEqual(terminal.status(), 5)
        self.assertIn(heard, range(20, 20 + self.late("SIGUSR1") + 1), self.file("said").read_text())

    def test_a_signal_that_the_kernel_merges_with_one_to_the_job(self) -> None:
        """dlock gets one of the two. It must not take it for the first alone, which the command has had."""
        terminal, dlock = self.listening()
        os.kill(dlock, signal.SIGSTOP)
        wait_for(lambda: state_of(dlock) == "T", "dlock to be stopped")
        os.killpg(dlock, signal.SIGUSR1)
        wait_for(lambda: self.heard("SIGUSR1") >= 1, "the signal to the job")
        os.kill(dlock, signal.SIGUSR1)
        os.kill(dlock, signal.SIGCONT)
        wait_for(lambda: self.heard("SIGUSR1") >= 2, "the signal to dlock")
        self.file("end").touch()

    def test_dlock_alone_is_stopped_after_ctrl_z_that_stopped_nobody(self) -> None:
        terminal, dlock = self.listening(signal.SIGTSTP)
        terminal.type("\x1a")
        wait_for(lambda: self.heard("SIGTSTP") >= 1, "Ctrl-Z")
        os.kill(dlock, signal.SIGTSTP)
        wait_for(lambda: self.heard("SIGTSTP") >= 2, "the signal to dlock")
        self.file("end").touch()

    def test_dlock_alone_is_continued_after_an_fg(self) -> None:
        terminal = self.types(f"{self.lock} sleep 600")
        dlock = self.job_of(terminal)
        command = self.command_of(dlock)
        terminal.type("\x1a", "Stopped")
        terminal.type("fg\n")
        wait_for(lambda: state_of(command) == "S" and state_of(dlock) == "S", "both to go on")
        os.kill(command, signal.SIGTSTP)
        wait_for(lambda: state_of(dlock) == "T", "dlock to stop with its command")
        os.kill(dlock, signal.SIGCONT)
        wait_for(lambda: state_of(command) == "S", "the command to go on")

    def test_a_signal_to_the_job_while_the_command_is_started(self) -> None:
        """The witness is there before the command. In one of 30 runs the signal comes in between."""
        for turn in range(60):
            terminal = self.terminal(*self.command(self.lock, "sleep", "3"))
            dlock = terminal.process.pid
            deadline = time.monotonic() + PATIENCE
            while not any(children_of(guard) for guard in children_of(dlock)) and time.monotonic() < deadline:
                pass  # a pause would be too long
            os.killpg(dlock, signal.SIGTERM)
            self.assertIn(terminal.process.wait(PATIENCE), (128 + signal.SIGTERM, -signal.SIGTERM), f"turn {turn}")
            terminal.close()

    def test_the_job_is_continued_although_it_was_not_stopped(self) -> None:
        """As timeout(1) does. That alone makes nothing come twice."""
        terminal, dlock = self.listening()
        for turn in range(10):
            os.killpg(dlock, signal.SIGUSR1)
            os.killpg(dlock, signal.SIGCONT)
            wait_for(lambda: self.heard("SIGUSR1") > turn, f"signal {turn}")
            time.sleep(0.02)
        os.kill(dlock, signal.SIGUSR2)
        wait_for(lambda: self.heard("SIGUSR2"), "the last signal")
        self.file("end").touch()
        self.assertIn(self.heard("SIGUSR1"), range(10, 10 + self.late("SIGUSR1") + 1))
        self.assertLess(self.late("SIGUSR1"), 10)

    def test_dlock_alone_is_stopped_after_one_that_went_with_its_own_stop(self) -> None:
        terminal = self.types(f"{self.lock} sleep 600")
        dlock = self.job_of(terminal)
        command = self.command_of(dlock)
        both = (dlock, command)
        os.kill(dlock, signal.SIGSTOP)
        wait_for(lambda: state_of(dlock) == "T", "dlock to be stopped")
        terminal.expect("Stopped")
        os.killpg(dlock, signal.SIGTSTP)
        wait_for(lambda: state_of(command) == "T", "the command to be stopped")
        # Once to let it see that its command has stopped, and stop itself; and once more.
        wait_for(lambda: os.kill(dlock, signal.SIGCONT) or all(state_of(each) == "S" for each in both), "both to go on")
        os.kill(dlock, signal.SIGTSTP)
        wait_for(lambda: all(state_of(each) == "T" for each in both), "both to be stopped")

    def test_a_witness_that_was_killed_is_replaced(self) -> None:
        terminal, dlock = self.listening()
        guard, command = self.guard_of(dlock), self.command_of(dlock)
        [witness] = [pid for pid in children_of(guard) if pid != command]
        os.kill(witness, signal.SIGKILL)
        wait_for(lambda: [pid for pid in children_of(guard) if pid not in (command, witness) and os.getpgid(pid) == dlock],
                 "another witness, in dlock's group")
        os.killpg(dlock, signal.SIGUSR1)
        self.check_heard("SIGUSR1")

    def test_a_command_that_leaves_the_group(self) -> None:
        terminal = self.types(f"{self.lock} setsid {self.script(LISTENER, 'listener')} log")
        self.wait_for_file("log")
        os.killpg(self.job_of(terminal), signal.SIGUSR1)
        wait_for(lambda: self.heard("SIGUSR1") >= 1, "the signal to the job")
        self.file("end").touch()

    def test_stop_and_continue_for_dlock_alone(self) -> None:
        terminal, dlock = self.listening()
        command = self.command_of(dlock)
        os.kill(dlock, signal.SIGTSTP)
        wait_for(lambda: state_of(command) == "T" and state_of(dlock) == "T", "both to be stopped")
        terminal.expect("Stopped")
        os.kill(dlock, signal.SIGCONT)
        wait_for(lambda: state_of(command) != "T" and state_of(dlock) != "T", "both to go on")
        terminal.type("fg\n")
        self.check_heard()
        self.assertEqual(terminal.status(), 5)

    def test_a_hangup_reaches_the_command(self) -> None:
        """dlock leads the session here, as with ssh -t HOST dlock run ..."""
        terminal = self.terminal("sh", "-c", f"exec {self.listen()}")
        self.wait_for_file("log")
        terminal.hang_up()
        self.check_heard("SIGHUP")

    def test_a_hangup_with_a_shell_that_leads(self) -> None:
        terminal = self.terminal("sh", "-c", f"{self.listen()}; true")
        self.wait_for_file("log")
        terminal.hang_up()
        self.check_heard("SIGHUP")


if __name__ == "__main__":
    main()
