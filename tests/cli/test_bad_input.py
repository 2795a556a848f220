#!/usr/bin/python3
"""Bad input: one clear line that says what is wrong and what to do, status 125, nothing changed."""

import os
import subprocess
import sys
import time
from pathlib import Path

from harness import DLOCK, PATIENCE, Case, main

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

# The words after `dlock run`, and what the line must contain.
REFUSED = {
    "no ID": [([], "no ID"), (["-n"], "no ID"), (["-c", "true"], "no ID")],
    "no COMMAND": [(["job"], "no COMMAND"), (["job", "--"], "no COMMAND"), (["job", "-n"], "no COMMAND"),
                   (["job", ""], "COMMAND is empty")],
    "both commands": [(["job", "-c", "true", "false"], "exclude each other")],
    "IDs": [(["", "true"], "ID of the lock is empty"), (["x" * 1001, "true"], "1001 bytes"),
            *(([word, "true"], "not valid UTF-8") for word in ("\udcff\udcfe", "a\udcc3", "\udced\udca0\udc80", "\udcc0\udc80"))],
    "unknown options": [(["--bogus", "job", "true"], "unknown option '--bogus'"), (["job", "-y", "true"], "'-y'"),
                        (["-ny", "job", "true"], "'-y'"), (["--=x", "job", "true"], "unknown option '--'"),
                        (["--wai", "1", "job", "true"], "'--wai'"),
                        (["--red\x1b[31m", "job", "true"], r"'--red\x1b[31m'")],
    "values": [(["job", "--ttl"], "'--ttl' needs a value"), (["job", "-w"], "'-w' needs a value"),
               (["--nonblock=1", "job", "true"], "takes no value")],
    "--wait": [(["-w", word, "job", "true"], "--wait") for word in
               ("nan", "inf", "infinity", "-1", "-0.5", "1e3", "0x10", "", " 1", "1 ", "1,5", "1.2.3", ".", "5dd", "5S",
                "1e999", "9" * 400, "999999999999", "0.0001", "true")],
    "durations": [([option, word, "job", "true"], option) for option in ("--ttl", "--at-least", "--kill-after")
                  for word in ("5", "0", "0s", "-1s", "nans", "nan", "inf", "infs", "1.5.5s", "s", "ms", "", "9" * 30 + "h",
                               "1e3s", "0.1ms")],
    "exp_delta": [(["--exp_delta", "5000", "job", "true"], "5000ms"), (["--ttl", "199ms", "job", "true"], "200ms")],
    "--kill-after": [(["--kill-after", "15s", "job", "true"], "raise --ttl"),
                     (["--ttl", "1s", "--kill-after", "500ms", "job", "true"], "raise --ttl")],
    "-E": [(["-E", word, "job", "true"], "0 to 255") for word in ("256", "-1", "x", "", "1.5", "0x1", "99999999999")],
    "modes": [([*words, "job", "true"], expected) for words, expected in (
        (["-s", "-x"], "-s and -x exclude"), (["-sx"], "-s and -x exclude"), (["-s", "--permits", "2"], "-s and --permits exclude"),
        (["--permits", "2", "-x"], "-x and --permits exclude"), (["--take", "2"], "--take needs --permits"),
        (["--permits", "2", "--take", "3"], "--take 3 is more than there are (--permits 2)"),
        *((["--permits", word], "is not a number of permits; write a number from 1 to 1000000")
          for word in ("", "0", "-1", "x", "1.5", "1e3", "1000001", "9" * 30)),
        *((["--permits", "2", "--take", word], "--take") for word in ("", "0", "-1", "x")))],
    "--id": [(["--id", "a", "--id", "a", "true"], "given twice"), (["job", "--id", "a", "true"], "exclude each other"),
             (["--id", "", "true"], "is empty"), (["--id", "a", "--id", "x" * 1001, "true"], "1001 bytes"),
             (["--id", "\udcff", "true"], "not valid UTF-8"), (["--id", "a"], "no COMMAND"), (["--id"], "needs a value"),
             (["--id", "a", "-c", "true", "false"], "exclude each other"),
             ([word for number in range(101) for word in ("--id", str(number))] + ["true"], "the most is 100")],
    "--grace": [(["--grace", word, "job", "true"], "--grace") for word in ("0", "-1", "1.5", "x")],
    "--autorefresh": [(["--autorefresh", "maybe", "job", "true"], "true nor false")],
    "--note": [(["--note", "x" * 1025, "job", "true"], "1025 bytes; give one of at most 1,024"), (["--note", "\udcff", "job", "true"], "not valid UTF-8")],
    "--at-most": [(["--at-most", word, "job", "true"], "--at-most") for word in ("5", "0s", "-1s", "x", "", "9" * 30 + "h")],
    "--unless-done-within": [(["--unless-done-within", *words, "job", "true"], expected) for words, expected in (
        (["20"], "has no unit"), (["0s"], "is zero"), (["20h", "-s"], "--unless-done-within and -s exclude"),
        (["20h", "--permits", "2"], "--unless-done-within and --permits exclude"), (["20h", "--history=no"], "needs the history"),
        (["20h", "--done-exit-code", "256"], "0 to 255"))] + [(["--done-exit-code", "7", "job", "true"], "needs --unless-done-within")],
    "--history": [(["--history", "maybe", "job", "true"], "true nor false")],
    "--expiry": [(["--expiry", "server", "job", "true"], "neither clock nor observed")],
    "URLs": [(["--url", "mongodb://h", "--url-file", "f", "job", "true"], "exclude each other"),
             (["--url", "", "job", "true"], "--url is empty"),
             (["--url-file", "/no/such/file", "job", "true"], "No such file"),
             (["--url-file", "/", "job", "true"], "Is a directory"),
             (["--url-file", "/dev/null", "job", "true"], "empty")],
}
# Of the other verbs.
REFUSED_OF_VERBS = {
    "ls": [(["job"], "takes no operand such as 'job'"), (["--bogus"], "unknown option '--bogus'; see 'dlock ls --help'"),
           (["--prefix"], "needs a value"), (["--prefix", "\udcff"], "not valid UTF-8"), (["--json=1"], "takes no value"),
           (["--ttl", "5s"], "'--ttl'"), (["--url", "mongodb://me:PaSSw0rd@host"], "--url-file FILE"),
           (["mongodb://me:PaSSw0rd@host"], "takes no operand")],
    "show": [([], "no ID"), ([""], "is empty"), (["a", "b"], "one ID at a time; 'b'"), (["x" * 1001], "1001 bytes"),
             (["\udcff"], "not valid UTF-8"), (["--prefix", "x", "a"], "'--prefix'"), (["a", "me:PaSSw0rd@host"], "one ID at a time")],
    "release": [([], "no ID"), (["job"], "only its holder releases a lock"), (["--force"], "no ID"), (["--force", ""], "is empty"),
                (["--force", "a", "b"], "one ID at a time"), (["job", "--now"], "only its holder"),
                *((["--force", "job", "--token", word], "is not a fencing token")
                  for word in ("", "0", "-1", "x", "1.5", "1e3", "9007199254740992", "9" * 30))],
    "hold": [([], "no ID"), (["job", "true"], "runs no command, so 'true' is one word too many"), ([""], "is empty"), (["-c", "true", "job"], "'-c'"),
             (["-E", "0", "job"], "1 to 255"), (["--pid", "0", "job"], "is not a process"), (["--pid", "x", "job"], "is not a process"),
             (["--id", "a", "b"], "'b' is one word too many"), (["-s", "-x", "job"], "exclude each other"),
             (["--pid", str(os.getpid()), "--url", "mongodb://me:PaSSw0rd@host", "job"], "--url-file FILE"),
             (["job"], "no shell; name the process")],
    "note": [([], "no TEXT"), (["a", "b"], "one TEXT; 'b'"), (["x" * 1025], "1025 bytes; give one of at most 1,024"),
             (["\udcff"], "not valid UTF-8"), (["text"], "does not run under 'dlock run'"), (["--ttl", "5s"], "'--ttl'"),
             (["a", "me:PaSSw0rd@host"], "one TEXT")],
    "resize": [([], "no ID"), (["job"], "no number of permits"), (["job", "1", "2"], "'2' is one too many"), (["", "1"], "is empty"),
               *((["job", word], "is not a number of permits; write a number from 1 to 1000000")
                 for word in ("", "0", "x", "1.5", "1000001"))],
    "elect": [([], "no ID"), (["job"], "no COMMAND"), (["", "true"], "is empty"), (["job", "-n", "true"], "'-n'"),
              (["job", "--value", "x" * 1025, "true"], "1025 bytes; give one of at most 1,024"),
              (["job", "--value", "\udcff", "true"], "not valid UTF-8"), (["job", "--ttl", "5", "true"], "has no unit"),
              (["job", "-c", "true", "false"], "exclude each other"),
              (["--url", "mongodb://me:PaSSw0rd@host", "job", "true"], "--url-file FILE")],
    "metrics": [(["job"], "takes no operand such as 'job'"), (["--listen"], "needs a value"), (["--listen", "9170"], "write ADDRESS:PORT"),
                (["--listen", "0.0.0.0:9170"], "give --token-file FILE"), (["--host", "a"], "--host needs --listen"),
                (["--url", "mongodb://me:PaSSw0rd@host"], "--url-file FILE")],
    "serve": [(["job"], "takes no operand such as 'job'"), (["--listen", "9171"], "write ADDRESS:PORT"), (["--listen", "0.0.0.0:9171"], "give --token-file FILE"),
              (["--long-hold", "soon"], "--long-hold 'soon'"), (["--long-wait", "5"], "has no unit"), (["--url", "mongodb://me:PaSSw0rd@host"], "--url-file FILE")],
    "completion": [([], "no shell given"), (["csh"], "no completion for 'csh'"), (["bash", "zsh"], "one shell at a time")],
    "watch": [(["--bogus"], "unknown option '--bogus'; see 'dlock watch --help'"), (["job", "-x"], "'-x'"), (["--ttl", "5s"], "'--ttl'"),
              (["--json=1"], "takes no value"), (["--db"], "needs a value"), ([""], "is empty"), (["a", ""], "is empty"),
              (["x" * 1001], "1001 bytes"), (["\udcff"], "not valid UTF-8"), (["--url-file", "/no/such/file"], "No such file"),
              (["--url", "mongodb://me:PaSSw0rd@host"], "--url-file FILE"), (["--url-file", "mongodb://me:PaSSw0rd@host"], "No such file")],
}
PASSWORDS = ("mongodb://me:PaSSw0rd@host/db", "mongodb+srv://me:PaSSw0rd@host", "mongodb://me:PaSSw0rd/@host", "me:PaSSw0rd@host",
             "mongodb://me@h/?tlsCertificateKeyFilePassword=PaSSw0rd",
             "mongodb://me@h/?authMechanismProperties=AWS_SESSION_TOKEN:PaSSw0rd")
# What the library refuses, and from where the words come.
REFUSED_BY_THE_LIBRARY = [
    (["--db", "", "job", "true"], {}, "db"), (["--coll", "", "job", "true"], {}, "coll"),
    (["--db", "a b", "job", "true"], {}, "db"), (["--coll", "a$b", "job", "true"], {}, "coll"),
    (["--wait_lock_period", "1ms", "job", "true"], {}, "wait_lock_period"),
    (["--clock_skew", "2h", "job", "true"], {}, "clock_skew"), (["--grace", "9999999999", "job", "true"], {}, "grace"),
    (["--url", "localhost", "job", "true"], {}, "mongodb://"),
    (["job", "true"], {"DLOCK_URL": "mongodb://me:PaSSw0rd@:::/"}, "URL|url"),
    (["--url", "mongodb://h/?nonsense=%", "job", "true"], {}, "URL|url"),
]


class BadInput(Case):
    def check(self, words: list[str], expected: str, regex: bool = False, seconds: float = PATIENCE, status: int = 125) -> str:
        return self.check_dlock(["run", *words], expected, regex, seconds, status)

    def check_dlock(self, words: list[str], expected: str, regex: bool = False, seconds: float = PATIENCE, status: int = 125) -> str:
        result = subprocess.run([DLOCK, *words], capture_output=True, text=True, errors="replace",
                                env=self.environment, timeout=seconds, cwd=self.folder)
        self.assertEqual((result.returncode, result.stdout), (status, ""), f"{words}: {result.stderr}")
        self.assertRegex(result.stderr, r"\Adlock: [^\n]*\n\Z", words)
        (self.assertRegex if regex else lambda text, part, words: self.assertIn(part, text, words))(result.stderr, expected, words)
        self.assertNotIn("PaSSw0rd", result.stderr)
        return result.stderr

    def test_refused_at_once(self) -> None:
        for cases in REFUSED.values():
            for words, expected in cases:
                self.check(words, expected)
        for verb, cases in REFUSED_OF_VERBS.items():
            for words, expected in cases:
                self.check_dlock([verb, *words], expected)
        self.assertEqual(self.server.documents(), [])

    def test_verbs(self) -> None:
        for words, expected in (([], "no verb"), (["walk"], "unknown verb 'walk'"), (["--bogus"], "--bogus")):
            self.check_dlock(words, expected)

    def test_passwords_on_the_command_line(self) -> None:
        for url in PASSWORDS:
            self.check(["--url", url, "job", "true"], "--url-file FILE")
            self.check(["--notif_url", url, "job", "true"], "--notif_url contains a password")
            self.check([f"--ur={url}", "job", "true"], "unknown option '--ur'")
            self.check([f"-u{url}", "job", "true"], "unknown option '-u'")
            self.check([f"--verbose={url}", "job", "true"], "takes no value")
            self.check([f"--{url}", "job", "true"], "unknown option")
            self.check(["--url-file", url, "job", "true"], "No such file")

    def test_passwords_in_the_wrong_place(self) -> None:
        for url in PASSWORDS:
            self.check_dlock([url], "unknown verb")
            self.check(["job", "-c", "true", url], "exclude each other")
            for option in ("--ttl", "--wait", "--at-least", "--kill-after", "-E", "--grace", "--autorefresh",
                           "--wait_lock_period", "--clock_skew", "--expiry"):
                self.check([option, url, "job", "true"], option.replace("-E", "--conflict-exit-code"))
            self.check(self.command("job", url)[2:], "cannot execute", status=127)

    def test_environment_variables(self) -> None:
        for name, value, expected in (("DLOCK_URL", "", "DLOCK_URL is empty"), ("DLOCK_DB", "", "DLOCK_DB is empty"),
                                      ("DLOCK_COLL", "", "DLOCK_COLL is empty"), ("DLOCK_TTL", "", "DLOCK_TTL is empty"),
                                      ("DLOCK_TTL", "30", "in the environment variable DLOCK_TTL: --ttl '30'"),
                                      ("DLOCK_TTL", "100ms", "--ttl")):
            before = dict(self.environment)
            self.environment[name] = value
            self.check(["job", "true"], expected)
            self.environment = before

    def test_a_file_with_several_lines(self) -> None:
        self.file("url").write_text("mongodb://a\nmongodb://b\n")
        self.check(["--url-file", "url", "job", "true"], "more than one line")


class BadInputForTheLibrary(Case):
    check = BadInput.check
    check_dlock = BadInput.check_dlock

    def test_refused_before_any_contact(self) -> None:
        for words, environment, expected in REFUSED_BY_THE_LIBRARY:
            self.environment |= {"DLOCK_URL": "mongodb://127.0.0.1:1", **environment}
            began = time.monotonic()
            self.check(words, expected, regex=True)
            self.assertLess(time.monotonic() - began, 8, words)  # contact would be tried for 10

    def test_a_server_out_of_reach(self) -> None:
        self.environment["DLOCK_URL"] = "mongodb://me:PaSSw0rd@127.0.0.1:1"
        self.check(["--connect-timeout", "3", "job", "true"], "127.0.0.1:1")
        self.check(["-w", "1", "job", "true"], "")

    def test_a_document_that_is_not_a_lock(self) -> None:
        collection = self.server.client[self.server.db].dlocks
        stranger = {"_id": "job", "name": "Ada", "holders": "none"}
        collection.insert_one(stranger)
        self.check(self.command("job", "true")[2:], "not a lock")
        self.assertEqual(list(collection.find()), [stranger])

    def test_another_grace_is_adopted(self) -> None:
        self.assertEqual(self.run_to_end("--grace", "77", "job", "true").returncode, 0)
        result = self.run_to_end("job", "true")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        # A thread of the library logs it, and a short command may be over before.
        process = self.start("-v", "job", "sleep", "600")
        self.wait_until_said(process, "has a grace of 77 s")
        self.end_job(process)

    def test_rights(self) -> None:
        users = [{"user": "reader", "pwd": "PaSSw0rd", "roles": [{"role": "read", "db": "dlocks"}]},
                 {"user": "none", "pwd": "PaSSw0rd", "roles": []},
                 {"user": "locker", "pwd": "PaSSw0rd", "roles": [{"role": "readWrite", "db": "dlocks"}]}]
        with self.own_set(nodes=1, auth=True, users=users) as rs:
            for url, expected in ((rs.url_for("reader", "wrong-PaSSw0rd"), "(?i)authentication|password"),
                                  (rs.url_for("nobody", "PaSSw0rd"), "(?i)authentication|password"),
                                  (rs.url_for("none", "PaSSw0rd"), "(?i)not authorized|grant"),
                                  (rs.url_for("reader", "PaSSw0rd"), "(?i)not authorized|grant")):
                self.environment["DLOCK_URL"] = url
                self.check(["-w", "60", "job", "true"], expected, regex=True, seconds=2 * PATIENCE)
            with rs.connect() as root:
                self.assertNotIn("dlocks", root.list_database_names())
            self.environment["DLOCK_URL"] = rs.url_for("locker", "PaSSw0rd")
            result = subprocess.run([DLOCK, "run", "job", "true"], capture_output=True, text=True, env=self.environment,
                                    timeout=PATIENCE)
            self.assertEqual((result.returncode, result.stderr), (0, ""))


if __name__ == "__main__":
    main()
