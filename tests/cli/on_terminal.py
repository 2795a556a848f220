"""What the tests of dlock run on a terminal share."""

from __future__ import annotations

import signal
import time

from harness import Case, Terminal, children_of, wait_for
from test_signals import LISTENER


class OnTerminal(Case):
    def terminal(self, *command: str) -> Terminal:
        return Terminal(self, *command)

    def types(self, words: str, until: str = "") -> Terminal:
        """A new one, with a shell to which `dlock run` and these words were typed."""
        terminal = self.terminal()
        terminal.type(self.shell_command(words) + "\n", until)
        return terminal

    def listening(self, *more: signal.Signals) -> tuple[Terminal, int]:
        """A new one with a command that writes down the signals that it gets, and the process id of its dlock."""
        terminal = self.terminal()
        terminal.type(self.listen(*more) + "\n")
        self.wait_for_file("log")
        return terminal, self.job_of(terminal)

    def job_of(self, terminal: Terminal) -> int:
        """The process id of the dlock that the shell started."""
        return wait_for(lambda: children_of(terminal.process.pid), "dlock")[0]

    def listen(self, *more: signal.Signals) -> str:
        """A command for a shell. What dlock says is in the file "said"."""
        words = " ".join(str(int(each)) for each in more)
        return self.shell_command(f"-v {self.lock} {self.script(LISTENER, 'listener')} log {words} 2>>said")

    def heard(self, name: str) -> int:
        return self.file("log").read_text().split().count(name)

    def late(self, name: str) -> int:
        """How many dlock has passed on that the command may have had: on a busy machine it cannot know."""
        return self.file("said").read_text().count(f"{name} may have come more than once")

    def check_heard(self, *names: str) -> None:
        """Each once, and nothing else, also a moment later."""
        wait_for(lambda: all(self.heard(name) for name in names), " ".join(names))
        time.sleep(0.3)
        self.file("end").touch()
        heard = self.file("log").read_text().split()
        self.assertEqual([*dict.fromkeys(heard)], ["ready", *names], heard)
        for name in names:
            self.assertLessEqual(self.heard(name), 1 + self.late(name), heard)
