#!/usr/bin/python3
"""dlock hold: a lock for the rest of a shell script, until that has ended, however it ended."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Any

from harness import PATIENCE, Case, children_of, is_alive, main, name_of, read_line, state_of, wait_for

SHELLS = [words for words in (["dash"], ["bash"], ["bash", "--posix"], ["zsh"], ["busybox", "sh"], ["ksh93"], ["mksh"], ["yash"]) if shutil.which(words[0])]
TTL = 4.0


class Hold(Case):
    def setUp(self) -> None:
        super().setUp()
        self.file("bin").mkdir()
        # Any verb, on this case's database. It executes dlock, so it is not between the script and dlock.
        self.script(f'verb=$1\nshift\nexec {self.command()[0]} "$verb" --db {self.server.db} "$@"\n', "bin/dlock")
        self.environment["PATH"] = f"{self.folder}/bin:{self.environment['PATH']}"

    def begin(self, text: str, shell: tuple[str, ...] = ("sh",), **options: Any) -> subprocess.Popen[str]:
        """A script with these lines."""
        path = self.folder / "the-script"
        path.write_text(text)
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
                   "env": self.environment, "cwd": self.folder, "start_new_session": True, **options}
        return self.mortal(*shell, str(path), **options)

    def run_script(self, text: str, *shell: str, **options: Any) -> tuple[int, str, str]:
        process = self.begin(text, shell or ("sh",), **options)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def holders(self, lock: str = "job") -> list[dict[str, Any]]:
        found = self.look(lock)
        return found["holders"] if found else []

    def wait_until_free(self, lock: str = "job", seconds: float = PATIENCE) -> None:
        wait_for(lambda: not self.holders(lock), f"{lock} to be free", seconds)

    def background_of(self, script: int) -> int:
        """The process that holds for the script. Its guard is its child, and it is nobody's child that we know."""
        def find() -> list[int]:
            found = subprocess.run(["pgrep", "-f", f"^{re.escape(self.command()[0])} hold --db {self.server.db}"], capture_output=True, text=True, check=False)
            return [int(pid) for pid in found.stdout.split() if int(pid) != script and self.guards_of(int(pid))]
        return wait_for(find, "the process in the background")[0]

    @staticmethod
    def guards_of(pid: int) -> list[int]:
        return [child for child in children_of(pid) if name_of(child) == "lock-guard"]

    def test_until_the_script_ends(self) -> None:
        status, out, err = self.run_script("dlock hold job || exit\ndlock show --json job | jq -c '[.holders[0].token, .holders[0].who]'\nexit 3\n")
        self.assertEqual((status, err), (3, ""))
        self.assertRegex(out, rf'\A\[\d+,"[^:]+:{self.processes[-1].pid} the-script"\]\n\Z', "and hold itself says nothing")
        self.wait_until_free(seconds=10)

    def test_killed(self) -> None:
        process = self.begin("dlock hold --ttl 1h job\necho yes >ready\nsleep 600\n")
        self.wait_for_file("ready")
        process.kill()
        self.wait_until_free(seconds=10)

    def test_the_token(self) -> None:
        text = ("set -eu\ntoken=$(dlock hold job)\n[ \"$token\" = \"$(dlock show --json job | jq '.holders[0].token')\" ]\n"
                "tokens=$(dlock hold --id b --id a)\n"
                "[ \"$tokens\" = \"$(dlock show --json b | jq '.holders[0].token') $(dlock show --json a | jq '.holders[0].token')\" ]\necho $token\n")
        for shell in SHELLS:
            with self.subTest(shell=shell):
                status, out, err = self.run_script(text, *shell)
                self.assertEqual((status, err), (0, ""))
                self.assertRegex(out, r"\A\d+\n\Z")
                for lock in ("job", "a", "b"):
                    self.wait_until_free(lock)

    def test_subshells_and_pipelines(self) -> None:
        """The lock outlives them."""
        places = ("(:; dlock hold {0} >taken; :)", "x=$(:; (y=$(:; dlock hold {0}; :); echo $y); :)", "echo x | (:; dlock hold {0}; :) | cat >taken",
                  "f() {{ dlock hold {0} >taken; }}; f; :", "{{ :; dlock hold {0}; }} 2>&1 | cat >taken", "eval 'dlock hold {0} >taken'", "(:; dlock hold {0} >taken; :) & wait $!")
        names = [f"in-{number}" for number in range(len(places))]
        text = "\n".join(place.format(name) for place, name in zip(places, names))
        text += f"\nsleep 0.3\nfor id in {' '.join(names)}; do dlock show --json $id | jq -r 'select(.holders | length == 1).id'; done\n"
        for shell in SHELLS:
            with self.subTest(shell=shell):
                status, out, err = self.run_script(text, *shell)
                self.assertEqual((status, out.split(), err), (0, names, ""))
                for name in names:
                    self.wait_until_free(name)

    def test_an_inner_script_holds_for_itself(self) -> None:
        self.script("dlock hold job\necho in\n", "inner")
        status, out, err = self.run_script("./inner\ndlock run -w 10 job -- echo out\n")
        self.assertEqual((status, out, err), (0, "in\nout\n", ""))
        status, out, err = self.run_script("sh -c 'dlock hold --pid $$ job >taken; :'\ndlock run -w 10 job -- echo out\n")
        self.assertEqual((status, out, err), (0, "out\n", ""))

    def test_the_shell_waits_for_nothing(self) -> None:
        """Although all streams of dlock are its pipe."""
        status, out, err = self.run_script("all=$(dlock hold -v job 2>&1)\nprintf '%s\\n' \"$all\"\n")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"\Adlock: got 'job' after .* s, token \d+\n\d+\n\Z")
        process = self.begin("x=$(dlock hold --ttl 2s job 2>&1)\necho yes >ready\nsleep 600\n")
        self.wait_for_file("ready")
        self.server.evict("job")
        self.assertIn("dlock: lost the lock 'job' while the script ran: ", process.communicate(timeout=PATIENCE)[1])

    def test_a_fifo_without_a_reader(self) -> None:
        """As the stderr of the script."""
        text = "mkfifo fifo\nexec 3<>fifo 2>fifo 3>&-\nx=$(dlock hold job 2>&1)\necho \"$?\"\ndlock show --json job | jq '.holders | length'\n"
        self.assertEqual(self.run_script(text), (0, "0\n1\n", ""))
        self.wait_until_free()

    def test_inherited_descriptors_are_not_kept(self) -> None:
        """Such as the one of flock."""
        status, out, err = self.run_script("exec 9>file\nflock 9\ndlock hold job\n(exec 9>&-; dlock hold other)\nexec 9>&-\nflock -n file echo free\n")
        self.assertEqual((status, out, err), (0, "free\n", ""))

    def test_others_hold_it(self) -> None:
        with self.holder():
            for words, status in (("-n", 124), ("-n -E 9", 9), ("-w 3", 124)):
                self.assertEqual(self.run_script(f"x=$(dlock hold {words} job)\necho \"$?$x\"\n"), (0, f"{status}\n", ""))
            self.assertEqual(self.run_script("set -e\ndlock hold -n job\necho on\n"), (124, "", ""))
        self.assertEqual(self.run_script("dlock hold -s job\ndlock hold -s -n another\ndlock run -n -s job true\n"), (0, "", ""))

    def test_modes(self) -> None:
        text = "dlock hold {0} job && dlock show --json job | jq -c '.holders[0] | [.mode, .permits]'\n"
        for words, seen in (("-s", '["shared",null]\n'), ("-x", '["exclusive",null]\n'), ("--permits 3 --take 2", '["permits",2]\n')):
            self.assertEqual(self.run_script(text.format(words)), (0, seen, ""))
            self.wait_until_free()

    def test_who_waits_no_longer(self) -> None:
        """The script was killed, or dlock itself: the queue is left."""
        with self.holder():
            for whom in ("script", "dlock"):
                process = self.begin("dlock hold job\necho \"$?\" >status\nsleep 600\n")
                wait_for(lambda: self.look("job")["waiters"], "it to wait")
                front = wait_for(lambda: children_of(process.pid), "dlock")[0]
                os.kill(process.pid if whom == "script" else front, signal.SIGKILL)
                wait_for(lambda: not self.look("job")["waiters"], "the queue to be left", 10)
        self.assertEqual(self.wait_for_file("status"), f"{128 + signal.SIGKILL}\n")
        self.assertEqual(self.holders(), [])

    def lose(self, *lines: str, ttl: float = TTL, kill_after: str = "500ms", shell: tuple[str, ...] = ("bash",)) -> subprocess.Popen[str]:
        """A script that holds the lock, and has a child, and a child of that."""
        tree = "sh -c 'sleep 600 & echo $$ $! >>family; wait' &\nuntil [ -s family ]; do sleep 0.01; done\necho $$ >>family\necho yes >ready\n"
        process = self.begin("\n".join([f"dlock hold --ttl {ttl}s --clock_skew 0s --kill-after {kill_after} job || exit", *lines, tree, "wait\n"]), shell)
        self.wait_for_file("ready")
        return process

    def check_ended(self, process: subprocess.Popen[str], why: str, status: int = -signal.SIGTERM, seconds: float = PATIENCE) -> None:
        _, err = process.communicate(timeout=seconds)
        self.assertEqual(process.returncode, status)
        self.assertRegex(err, rf"\Adlock: lost the lock 'job' while the script ran: .*{why}.*; the script and its descendants were ended\n\Z")
        self.assertEqual([pid for pid in self.pids_in("family") if is_alive(pid)], [])

    def test_a_document_that_is_gone(self) -> None:
        process = self.lose()
        self.server.evict("job")
        self.check_ended(process, "the server no longer has it")

    def test_revoked(self) -> None:
        process = self.lose(ttl=30)
        self.assertEqual(self.run_to_end("--force", "job", verb="release").returncode, 0)
        self.check_ended(process, "it was revoked")
        self.wait_until_free(seconds=5)

    def test_a_server_out_of_reach(self) -> None:
        process = self.lose(ttl=6, kill_after="2s")  # the time that a busy machine has to see that the script is gone
        self.server.break_off()
        self.check_ended(process, "was not renewed in time")

    def test_too_few_descriptors(self) -> None:
        status, out, err = self.run_script("ulimit -n 20\nx=$(dlock hold job)\necho \"$?$x\"\nulimit -n 20\n")
        self.assertEqual((status, out), (0, "125\n"))
        self.assertRegex(err, r"\Adlock: too few file descriptors: .*\n\Z")

    def test_a_script_that_ignores_term(self) -> None:
        process = self.lose("trap '' TERM")
        self.server.evict("job")
        self.check_ended(process, "the server no longer has it", -signal.SIGKILL)

    def test_a_trap_may_tidy_up(self) -> None:
        process = self.lose("trap 'echo tidy >tidied; exit 9' TERM")
        self.server.evict("job")
        self.check_ended(process, "the server no longer has it", 9)
        self.assertEqual(self.wait_for_file("tidied"), "tidy\n")

    def test_orphans_that_were_seen(self) -> None:
        """A child that ends on TERM leaves its own child behind, which does not: it is found again."""
        process = self.lose("(trap 'exit' TERM; sh -c 'trap \"\" TERM; echo $$ >>family; sleep 600; :' & wait) &")
        self.server.evict("job")
        self.check_ended(process, "the server no longer has it")

    def test_orphans_of_the_scripts_session(self) -> None:
        """Whoever has lost its parent before, but not left the session that the script leads."""
        process = self.lose("(sleep 600 & echo $! >>family)")
        self.server.evict("job")
        self.check_ended(process, "the server no longer has it")

    def gone_in_time(self, process: subprocess.Popen[str], do: Any, name: str) -> str:
        """After that, the script ends before a rival gets the lock."""
        background = self.background_of(process.pid)
        self.addCleanup(lambda: is_alive(background) and os.kill(background, signal.SIGKILL))
        rival = self.start("-w", "60", "job", "sh", "-c", 'for pid in $(cat family); do case $(cut -d" " -f3 /proc/$pid/stat 2>/dev/null) in ""|Z|X) ;; *) echo $pid ;; esac; done')
        wait_for(lambda: self.look("job")["waiters"], "the rival to wait")
        do(background)
        out, _ = rival.communicate(timeout=PATIENCE)
        self.assertEqual((rival.returncode, out), (0, ""), name)
        self.assertEqual(process.wait(PATIENCE), -signal.SIGTERM if name != "guard" else -signal.SIGKILL)
        return background

    def test_the_background_is_frozen(self) -> None:
        process = self.lose()
        background = self.gone_in_time(process, lambda pid: os.kill(pid, signal.SIGSTOP), "frozen")
        os.kill(background, signal.SIGCONT)
        assert process.stderr
        self.assertIn("lost the lock 'job'", read_line(process.stderr))
        wait_for(lambda: not is_alive(background), "its end")

    def test_the_background_is_killed(self) -> None:
        self.gone_in_time(self.lose(), lambda pid: os.kill(pid, signal.SIGKILL), "killed")

    def test_the_guard_is_killed(self) -> None:
        process = self.lose()
        self.gone_in_time(process, lambda pid: os.kill(self.guards_of(pid)[0], signal.SIGKILL), "guard")
        assert process.stderr
        self.assertIn("the guard process of this dlock was killed", read_line(process.stderr))

    def test_the_guard_is_killed_at_work(self) -> None:
        """It has sent TERM, and the script is gone. A child that ignores TERM is nobody's descendant any more."""
        process = self.begin("dlock hold --ttl 60s --kill-after 12s job || exit\nsh -c 'trap \"\" TERM; echo $$ >>family; sleep 600; :' &\n"
                             "until [ -s family ]; do sleep 0.01; done\necho yes >ready\nwait\n", ("bash",))
        self.wait_for_file("ready")
        guard = self.guards_of(self.background_of(process.pid))[0]
        self.assertEqual(self.run_to_end("--force", "job", verb="release").returncode, 0)
        process.wait(PATIENCE)
        os.kill(guard, signal.SIGKILL)
        self.assertRegex(self.ended(process, -signal.SIGTERM), r"\Adlock: lost the lock 'job' while the script ran: it was revoked.*; the guard process of this dlock failed .* may still run\n\Z")
        self.assertEqual([pid for pid in self.pids_in("family") if is_alive(pid)], [])
        self.assertEqual(len(self.holders()), 1, "until its lease ends")

    def test_signals_to_the_background_change_nothing(self) -> None:
        process = self.lose()
        background = self.background_of(process.pid)
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGTSTP):
            os.kill(background, each)
        time.sleep(0.5)
        self.assertEqual(state_of(background), "S")
        self.assertEqual(len(self.holders()), 1)
        os.killpg(process.pid, signal.SIGTERM)
        self.wait_until_free()

    def test_two_holds_and_an_early_end(self) -> None:
        text = ("set -e\ndlock hold one\ndlock hold --id two --id three\n(dlock hold --end one)\ndlock run -n one echo free\ndlock run -n two echo no || echo \"held $?\"\n"
                "dlock hold one\n: $(dlock hold --end three)\ndlock run -n two echo free\ndlock hold --end one\n")
        self.assertEqual(self.run_script(text), (0, "free\nheld 124\nfree\n", ""))
        status, _, err = self.run_script("dlock hold --end one\n")
        self.assertEqual(status, 125)
        self.assertRegex(err, r"\Adlock: process \d+ \(the-script\) does not hold 'one' by 'dlock hold'; [^\n]*--pid[^\n]*\n\Z")

    def test_an_early_end_that_nobody_waits_for(self) -> None:
        """--end has given up, because the process in the background was stopped."""
        process = self.begin("dlock hold --ttl 1m job\necho yes >ready\nsleep 600\n")
        self.wait_for_file("ready")
        background = self.background_of(process.pid)
        name = wait_for(lambda: re.findall(rf"@(dlock-hold/{process.pid}/\S+)", Path("/proc/net/unix").read_text()), "its socket")[0]

        def ask(what: bytes) -> socket.socket:
            asker = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.addCleanup(asker.close)
            asker.settimeout(PATIENCE)
            asker.connect("\0" + name)
            asker.send(what)
            return asker

        os.kill(background, signal.SIGSTOP)
        ask(b"e").close()
        os.kill(background, signal.SIGCONT)
        self.assertEqual(int.from_bytes(ask(b"t").recv(8), sys.byteorder), self.holders()[0]["token"])

    def test_an_early_end_of_a_lost_lock(self) -> None:
        """Nothing has noticed the loss before."""
        process = self.begin("dlock hold --ttl 1h job\necho yes >ready\nuntil [ -e lost ]; do sleep 0.01; done\ndlock hold --end job\n")
        self.wait_for_file("ready")
        self.server.evict("job")
        self.file("lost").touch()
        self.assertRegex(self.ended(process, 123), r"\Adlock: lost the lock 'job' before it was released: .* while the script ran\n\Z")

    def test_it_would_wait_for_itself(self) -> None:
        for inner in ("dlock hold job", "dlock run job true", "dlock elect job true", "(x=$(dlock run -w 60 job true))", "sh -c 'dlock run job true; exit $?'"):
            status, _, err = self.run_script(f"dlock hold job\n{inner}\n")
            self.assertEqual(status, 125, inner)
            self.assertRegex(err, r"\Adlock: would wait for itself.* holds 'job' \(token \d+\); .*\n\Z")
            self.wait_until_free()
        self.assertEqual(self.run_script("dlock hold -s job\ndlock run -s -w 5 job true\ndlock run --coll others -w 5 job true\n"), (0, "", ""))

    def test_who_is_no_shell(self) -> None:
        status, _, err = self.run_script("timeout 20 dlock hold job\n")
        self.assertEqual(status, 125)
        self.assertRegex(err, r"\Adlock: was started by 'timeout', which is no shell; .*--pid \$\$\n\Z")
        status, out, err = self.run_script("timeout 20 dlock hold --pid $$ job\nsleep 0.2\ndlock show --json job | jq '.holders | length'\n")
        self.assertEqual((status, out, err), (0, "1\n", ""))

    def test_processes_that_cannot_hold(self) -> None:
        for pid, why in (("1", "process 1 cannot hold a lock"), ("4194305", "there is no process")):
            result = self.run_to_end("--pid", pid, "job", verb="hold")
            self.assertEqual((result.returncode, result.stdout), (125, ""))
            self.assertIn(why, result.stderr)
        self.assertEqual(self.server.documents(), [])

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare"), "needs root, to make namespaces")
    def test_a_script_that_is_process_1(self) -> None:
        path = self.script("dlock hold job\nexit $?\n", "first")
        process = self.mortal("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, env=self.environment, cwd=self.folder)
        self.assertIn("process 1 cannot hold a lock", self.ended(process, 125))

    def test_a_stopped_front_does_not_hand_over_late(self) -> None:
        """Ctrl-Z while it waits: the script must not count on a lock that came too late."""
        holder = self.hold_lock("job")
        process = self.begin("dlock hold -w 2 job\necho $? >status\nsleep 600\n")
        wait_for(lambda: self.look("job")["waiters"], "it to wait")
        front = wait_for(lambda: children_of(process.pid), "dlock")[0]
        os.kill(front, signal.SIGSTOP)
        self.end_job(holder)
        wait_for(lambda: self.holders(), "it to have the lock")
        time.sleep(3)
        os.kill(front, signal.SIGCONT)
        self.assertEqual(self.wait_for_file("status"), "125\n")
        assert process.stderr
        self.assertIn("was stopped for too long", read_line(process.stderr))
        self.wait_until_free(seconds=10)


if __name__ == "__main__":
    main()
