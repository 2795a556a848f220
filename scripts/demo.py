#!/usr/bin/python3
"""Shows what dlock is for, and checks each thing it says. ./run demo calls it: demo.py DLOCK-COMMAND,
with a server in DLOCK_TEST_URL. Status 1 if something did not turn out as it should."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from processes import ENDING, end_on_signal

WORKERS, ROUNDS = 5, 3
TTL = 2.0  # seconds
LIMIT = 60  # seconds for any one step

ADD_ONE = """\
n=$(cat counter)
sleep 0.05
echo $((n + 1)) > counter
"""

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
failures: list[str] = []


def paint(code: str, text: str) -> str:
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def say(text: str = "") -> None:
    print("   " + text if text else "", flush=True)


def title(text: str) -> None:
    print(f"\n{paint('1', text)}", flush=True)


def code(text: str) -> None:
    for line in text.splitlines():
        say(paint("36", "    " + line))


def claim(holds: bool, text: str) -> None:
    """Something that this demo says of dlock: shown with what was seen."""
    say(f"{paint('32', 'ok') if holds else paint('1;31', 'NOT SO')}  {text}")
    if not holds:
        failures.append(text)


class Demo:
    def __init__(self, folder: Path, dlock: Path) -> None:
        self.folder = folder
        path = f"{dlock.parent}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        self.environment = os.environ | {"PATH": path, "DLOCK_URL": os.environ["DLOCK_TEST_URL"]}
        self.started: list[subprocess.Popen[str]] = []
        self.file("add-one").write_text(f"#!/bin/sh\n{ADD_ONE}echo \"$DLOCK_TOKEN\" >> tokens\n")
        self.file("add-one").chmod(0o755)

    def file(self, name: str) -> Path:
        return self.folder / name

    def start(self, *command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
        self.started.append(process)
        return process

    def end(self) -> None:
        """Ends what still runs, if the demo was interrupted: each process with those it started."""
        for signum in (signal.SIGTERM, signal.SIGKILL):
            for process in self.started:
                if process.poll() is None:
                    os.killpg(process.pid, signum)
            for process in self.started:
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    pass

    def count(self, command: str) -> int:
        """The counter after WORKERS processes have run `command` ROUNDS times each, all at once."""
        self.file("counter").write_text("0\n")
        loop = f"for round in $(seq {ROUNDS}); do {command} || exit; done"
        workers = [self.start("sh", "-c", loop) for _ in range(WORKERS)]
        statuses = [worker.wait(LIMIT) for worker in workers]
        if any(statuses):
            raise RuntimeError(f"{command} ended with status {max(statuses)}")
        return int(self.file("counter").read_text())

    def without(self) -> None:
        title("1. Without a lock")
        say(f"{WORKERS} processes at once add 1 to the number in a file, {ROUNDS} times each.")
        say("To add is to read the number, work a little, and write the new one:")
        code("$ cat add-one\n" + ADD_ONE.rstrip())
        expected, got = WORKERS * ROUNDS, self.count("./add-one")
        claim(got < expected, f"expected {expected}, the file says {got}: {expected - got} lost, overwritten by others")

    def with_lock(self) -> None:
        title("2. With dlock")
        say("The same, but each addition waits for its turn. The processes could as well be")
        say("on different machines: all that dlock shares is the MongoDB in $DLOCK_URL.")
        code("$ dlock run demo-counter -- ./add-one")
        self.file("tokens").write_text("")
        began = time.monotonic()
        expected, got = WORKERS * ROUNDS, self.count("dlock run demo-counter -- ./add-one")
        took = time.monotonic() - began
        claim(got == expected, f"expected {expected}, the file says {got}: none lost ({took:.1f} s)")

    def tokens(self) -> None:
        title("3. Turns are numbered")
        say("Each turn's number, $DLOCK_TOKEN, is higher than all before. Storage that refuses")
        say("a lower number than it has seen is safe from a program that was frozen, lost its")
        say("turn, and wakes up:")
        tokens = [int(line) for line in self.file("tokens").read_text().split()]
        code("\n".join(map(str, [*tokens[:2], "...", *tokens[-1:]])))
        rising = all(before < after for before, after in zip(tokens, tokens[1:]))
        claim(rising and len(tokens) == WORKERS * ROUNDS, f"{len(tokens)} turns, and the numbers only rise")

    def crash(self) -> None:
        title("4. When a holder dies")
        say(f"A turn is a lease, of {TTL:g} s here, which dlock renews while the command runs.")
        say("Now we kill -9 a dlock in the middle of its turn, while another one waits:")
        run = ("dlock", "run", "--ttl", f"{TTL:g}s", "demo-crash")
        code(f"$ {' '.join(run)} -- sleep 1000 &\n$ kill -9 $!")
        holder = self.start(*run, "--", "sh", "-c", 'echo "$$ $DLOCK_TOKEN"; exec sleep 1000')
        pid, token = self.first_line(holder).split()
        is_alive = f"grep -qs '^State:[[:space:]]*[RSDTt]' /proc/{pid}/status"
        heir = self.start(*run, "--", "sh", "-c", f'{is_alive} && alive=yes || alive=no; echo "$alive $DLOCK_TOKEN"')
        time.sleep(1)  # the heir is in the queue, and the holder has renewed its lease
        if heir.poll() is not None:
            claim(False, "the other one waits")
        holder.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        alive, next_token = self.first_line(heir).split()
        took = time.monotonic() - killed
        claim(took <= TTL + 1, f"the next one got in {took:.1f} s after the kill (limit: {TTL + 1:g} s)")
        claim(alive == "no", "the killed one's command was gone by then: the two never ran at once")
        claim(int(next_token) > int(token), "and the next one's number is higher")

    def first_line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"dlock run demo-crash ended with status {process.wait(LIMIT)}")
        return line


def main() -> int:
    if len(sys.argv) != 2 or "DLOCK_TEST_URL" not in os.environ:
        print("usage: DLOCK_TEST_URL=mongodb://... demo.py DLOCK-COMMAND", file=sys.stderr)
        return 2
    for signum in ENDING:
        signal.signal(signum, end_on_signal)
    print("\ndlock makes processes take turns, on one machine or many, through a MongoDB they share.")
    with tempfile.TemporaryDirectory(prefix="dlock-demo-") as folder:
        demo = Demo(Path(folder), Path(sys.argv[1]).resolve())
        try:
            for part in (demo.without, demo.with_lock, demo.tokens, demo.crash):
                part()
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            failures.append(str(error))
        finally:
            demo.end()
    if failures:
        print(paint("1;31", "\nThis demo failed:"))
        for failure in failures:
            say(failure)
        return 1
    print("\nTo try it yourself: ./run server start, export DLOCK_URL with the URL it prints, and")
    print("build/bin/dlock run --help")
    return 0


if __name__ == "__main__":
    sys.exit(main())
