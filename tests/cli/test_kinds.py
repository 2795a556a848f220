#!/usr/bin/python3
"""dlock run: shared, exclusive and permits; several locks at once."""


from harness import PATIENCE, Case, main, wait_for

SHOW = 'for n in ID TOKEN OWNER ID_1 TOKEN_1 OWNER_1 ID_2 TOKEN_2 OWNER_2 ID_3 TOKENS VALUE; do ' \
       'eval "echo $n=\\${DLOCK_$n-unset}"; done'


class Kinds(Case):
    def check(self, expected: int, *words: str) -> None:
        result = self.run_to_end("-n", *words, "true")
        self.assertEqual((result.returncode, result.stderr), (expected, ""), words)

    def test_shared_and_exclusive(self) -> None:
        first, second = self.hold_lock("-s", self.lock), self.hold_lock("--shared", self.lock)
        self.check(0, "-s", self.lock)
        for words in ([self.lock], ["-x", self.lock], ["--exclusive", self.lock]):
            self.check(124, *words)
        self.end_job(first)
        self.check(124, "-x", self.lock)
        self.end_job(second)
        with self.holder("-x"):
            self.check(124, "-s", self.lock)
            self.check(124, self.lock)
        self.check(0, "-s", self.lock)

    def test_permits(self) -> None:
        first = self.hold_lock("--permits", "3", self.lock)
        second = self.hold_lock("--permits", "3", "--take", "2", self.lock)
        self.check(124, "--permits", "3", self.lock)
        self.end_job(first)
        self.check(0, "--permits", "3", self.lock)
        self.check(124, "--permits", "3", "--take", "2", self.lock)
        self.end_job(second)
        self.check(0, "--permits", "3", "--take", "3", self.lock)


class Observed(Case):
    def test_another_expiry_is_an_error(self) -> None:
        for held, asked in ((["--expiry", "observed"], []), ([], ["--expiry", "observed"])):
            with self.holder(*held):
                for wait in ("-n", "-w5"):
                    result = self.run_to_end(wait, *asked, self.lock, "true")
                    self.assertEqual(result.returncode, 125, result.stderr)
                    self.assertRegex(result.stderr, r"\Adlock: [^\n]*\n\Z")
                    self.assertIn("observed", result.stderr)
                    self.assertIn("server_clock", result.stderr)
                if held:
                    self.assertEqual(self.run_to_end("-n", *held, self.lock, "true").returncode, 124)
            self.lock += "-again"


class Several(Case):
    def test_the_commands_environment(self) -> None:
        self.environment |= {"DLOCK_ID": "outer", "DLOCK_TOKEN": "1", "DLOCK_ID_3": "outer", "DLOCK_VALUE": "outer"}
        result = self.run_to_end("--id", "b c", "--id", "a", "--", "sh", "-c", SHOW)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        found = dict(line.split("=", 1) for line in result.stdout.splitlines())
        self.assertEqual([found[name] for name in ("ID", "TOKEN", "OWNER", "ID_3", "VALUE")], ["unset"] * 5)
        self.assertEqual((found["ID_1"], found["ID_2"]), ("b c", "a"))
        self.assertEqual(found["TOKENS"], f"{found['TOKEN_1']} {found['TOKEN_2']}")
        self.assertTrue(all(found[name] for name in ("TOKEN_1", "TOKEN_2", "OWNER_1", "OWNER_2")))
        for lock, number in (("b c", 1), ("a", 2)):
            self.assertEqual(self.look(lock)["token"], int(found[f"TOKEN_{number}"]))

    def test_one_id_option_is_like_the_operand(self) -> None:
        for words in (["--id", self.lock], [self.lock]):
            result = self.run_to_end(*words, "sh", "-c", SHOW)
            found = dict(line.split("=", 1) for line in result.stdout.splitlines())
            self.assertEqual((found["ID"], found["ID_1"], found["ID_2"]), (self.lock, self.lock, "unset"))
            self.assertEqual({found["TOKEN"]}, {found["TOKEN_1"], found["TOKENS"]} - {"unset"})
            self.assertEqual(found["OWNER"], found["OWNER_1"])

    def test_nested_in_several(self) -> None:
        inner = self.shell_command(f"inner sh -c '{SHOW}'")
        result = self.run_to_end("--id", "a", "--id", "b", "-c", inner)
        found = dict(line.split("=", 1) for line in result.stdout.splitlines())
        self.assertEqual((found["ID"], found["ID_1"], found["ID_2"], found["TOKEN_2"]), ("inner", "inner", "unset", "unset"))

    def test_all_or_none(self) -> None:
        with self.holder():
            for order in (["a", self.lock, "z"], ["z", self.lock, "a"]):
                ids = [word for lock in order for word in ("--id", lock)]
                result = self.run_to_end("-v", "-n", *ids, "true")
                self.assertEqual(result.returncode, 124)
                self.assertRegex(result.stderr, rf"(?m)^dlock: '{self.lock}' is taken by \S+:\d+ sh ")
                self.assertEqual(self.run_to_end("-n", "--id", "a", "--id", "z", "true").returncode, 0)
        self.assertEqual(self.run_to_end("-n", *ids, "true").returncode, 0)

    def test_all_are_held_and_given_back(self) -> None:
        process = self.hold_lock("--id", "b", "--id", "a", "-s")
        for lock in ("a", "b"):
            self.assertEqual(self.run_to_end("-n", lock, "true").returncode, 124)
            self.assertEqual(self.run_to_end("-n", "-s", lock, "true").returncode, 0)
        self.end_job(process)
        for lock in ("a", "b"):
            self.assertEqual(self.run_to_end("-n", lock, "true").returncode, 0)

    def test_verbose_messages(self) -> None:
        with self.holder():
            waiter = self.wait_in_queue("--id", self.lock, "--id", "a", "true")
        _, err = waiter.communicate(timeout=PATIENCE)
        self.assertRegex(err, r"(?m)^dlock: got 'job' \(token \d+\), 'a' \(token \d+\) after [\d.]+ s$")

    def test_the_loss_of_one(self) -> None:
        process = self.hold_lock("--ttl", "2s", "--id", "a", "--id", self.lock)
        self.server.evict(self.lock)
        err = self.ended(process, 123)
        self.assertRegex(err, r"\Adlock: lost one of the locks 'a' and 'job' while the command ran: .+; the command and all it "
                              r"started were ended\n\Z")
        wait_for(lambda: self.run_to_end("-n", "a", "true").returncode == 0, "the other one")

    def test_a_hundred(self) -> None:
        ids = [word for number in range(100) for word in ("--id", f"{number:03}" + "x" * 200)]
        result = self.run_to_end(*ids, "sh", "-c", 'set -- $DLOCK_TOKENS; echo $# "${DLOCK_ID_100%%x*}"', seconds=3 * PATIENCE)
        self.assertEqual((result.returncode, result.stdout), (0, "100 099\n"), result.stderr)


if __name__ == "__main__":
    main()
