#!/usr/bin/python3
"""The roles of docs/security.md suffice, and nothing in them is too much: without any single action, something that the
role is for does not work any more. Runs on a set with passwords, as DLOCK_TEST_ADMIN_URL (with_role.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))

import roles  # noqa: E402
from harness import ADMIN_URL, PATIENCE, Case, has_output, main, read_line, wait_for  # noqa: E402

CAPPED = 5_242_880


class Role(Case):
    """Locks in a database of this case's own, notifications in a channel of its own, a user with some role."""

    def setUp(self) -> None:
        super().setUp()
        if not ADMIN_URL:
            self.skipTest("needs a set with passwords: tests/security/with_role.py")
        self.root = self.server.client
        self.notices = self.root.mongo_dlock_notif
        self.full = self.role("dlock")
        self.watcher = self.role("dlockWatcher")
        self.log_in(self.full)

    def role(self, name: str) -> roles.Role:
        return roles.for_names(roles.documented()[name], self.server.db, self.server.db)

    def log_in(self, role: roles.Role) -> None:
        """What is started from now on has that role."""
        user, password = roles.make_user(self.root, role)
        self.addCleanup(roles.remove_user, self.root, user)
        self.environment["DLOCK_URL"] = self.server.url_for(user, password)

    def command(self, *words: str, verb: str = "run") -> list[str]:
        return super().command("--notif_channel", self.server.db, *words, verb=verb)

    def make_channel(self, capped: bool = True) -> Any:
        """As an administrator would."""
        self.notices.create_collection(self.server.db, **({"capped": True, "size": CAPPED} if capped else {}))
        self.notices[self.server.db].insert_one({"dummy": True})
        return self.notices[self.server.db]

    # What the roles are for. Each says what went wrong, or nothing.

    def take_a_lock(self) -> str:
        return self.run_to_end(self.lock, "true").stderr

    def take_a_lock_with_another_grace(self) -> str:
        """Other than that of the index that is there."""
        self.server.client[self.server.db].dlocks.create_index("et", name="et_1", expireAfterSeconds=77)
        return self.take_a_lock()

    def list_locks(self) -> str:
        result = self.run_to_end(verb="ls")
        return result.stderr if result.returncode == 125 else ""

    def scrape(self) -> str:
        return self.run_to_end(verb="metrics").stderr

    def show_a_lock(self) -> str:
        result = self.run_to_end(self.lock, verb="show")
        return result.stderr if result.returncode == 125 else ""

    def take_it_off(self) -> str:
        holder = self.hold_lock(self.lock)
        result = self.run_to_end("--force", self.lock, verb="release")
        holder.communicate(timeout=PATIENCE)
        return result.stderr or ("" if holder.returncode == 123 else "it was not taken off")

    def record_a_run(self) -> str:
        """In the history of the lock, which then has its TTL index."""
        said = self.run_to_end("-v", self.lock, "true").stderr
        return said if "cannot record" in said or "cannot make the TTL index" in said else ""

    def show_its_history(self) -> str:
        said = self.run_to_end("-v", self.lock, verb="show").stderr
        return said if "cannot read the history" in said else ""

    def watch(self) -> str:
        watch = self.start("-v", verb="watch")
        assert watch.stderr
        while line := read_line(watch.stderr):
            if line == "dlock: watching\n":
                watch.terminate()
                return ""
            if line.startswith("dlock: cannot"):
                return line
        return "it ended"

    def tell_of_it(self) -> str:
        """What is locked is announced."""
        self.make_channel()
        holder = self.hold_lock(self.lock)
        try:
            wait_for(lambda: self.notices[self.server.db].count_documents({"event": self.lock}), "an event", 10)
        except AssertionError:
            return "nothing was announced"
        finally:
            self.end_job(holder)
        return ""

    def hand_over(self) -> str:
        """The holder wakes the waiter: both say it if they cannot."""
        holder = self.hold_lock("-v", self.lock)
        waiter = self.wait_in_queue(self.lock, "true")
        holder.terminate()
        said = holder.communicate(timeout=PATIENCE)[1] + waiter.communicate(timeout=PATIENCE)[1]
        return said if "do not work" in said else ""

    def watch_a_channel_that_was_made_wrongly(self) -> str:
        """Not capped: an insert made it."""
        self.make_channel(capped=False)
        return self.watch()


class Sufficient(Role):
    """With the whole role everything works."""


WORKS = (Role.take_a_lock, Role.take_a_lock_with_another_grace, Role.list_locks, Role.show_a_lock, Role.take_it_off,
         Role.record_a_run, Role.show_its_history, Role.watch, Role.tell_of_it, Role.hand_over, Role.watch_a_channel_that_was_made_wrongly)
for works in WORKS:
    setattr(Sufficient, f"test_{works.__name__}", lambda self, works=works: self.assertEqual(works(self), ""))


class Watcher(Role):
    """The role that only looks, after somebody has used locks and the channel."""

    def setUp(self) -> None:
        super().setUp()
        self.make_channel()
        self.assertEqual(self.take_a_lock(), "")
        self.log_in(self.watcher)

    def check_refused(self, process: subprocess.CompletedProcess[str]) -> None:
        self.assertEqual((process.returncode, process.stdout), (125, ""))
        self.assertRegex(process.stderr, r"\Adlock: [^\n]*not authorized[^\n]*\n\Z")

    def test_it_looks(self) -> None:
        for works in (Role.list_locks, Role.scrape, Role.show_a_lock, Role.show_its_history, Role.watch):
            self.assertEqual(works(self), "")

    def test_it_hears(self) -> None:
        watch = self.start("-v", verb="watch")
        assert watch.stderr and watch.stdout
        while read_line(watch.stderr) not in ("dlock: watching\n", ""):
            pass
        self.log_in(self.full)

        def hears() -> bool:
            self.assertEqual(self.run_to_end(self.lock, "sleep", "0.3").stderr, "")
            return has_output(watch.stdout, 1)

        wait_for(hears, "an event")
        self.assertIn(f"  {self.lock}  ", read_line(watch.stdout))

    def test_it_changes_nothing(self) -> None:
        self.check_refused(self.run_to_end(self.lock, "true"))
        self.log_in(self.full)
        holder = self.hold_lock(self.lock)
        self.log_in(self.watcher)
        self.check_refused(self.run_to_end("--force", self.lock, verb="release"))
        self.assertIsNone(holder.poll())


class Minimal(Role):
    """Without one action, what it is for fails."""

    def check_fails(self, name: str, resource: int, action: str) -> None:
        if name == "dlockWatcher":  # which needs somebody else to go first
            self.make_channel()
            self.assertEqual(self.take_a_lock(), "")
        self.log_in(roles.without(self.role(name), resource, action))
        self.assertNotEqual(NEEDED_FOR[name][resource][action](self), "", f"{name} needs no {action}")

    def test_all_actions_are_here(self) -> None:
        documented = {name: [set(privilege["actions"]) for privilege in role["privileges"]]
                      for name, role in roles.documented().items()}
        self.assertEqual({name: [set(each) for each in needed] for name, needed in NEEDED_FOR.items()}, documented)


class Doctor(Role):
    """dlock doctor sees which rights are missing, and which are too many."""

    def examine(self, *words: str) -> tuple[int, dict[str, list[str]]]:
        """The status, and by check what is not ok."""
        result = self.run_to_end("--json", *words, verb="doctor")
        password = self.environment["DLOCK_URL"].partition("@")[0].rpartition(":")[2]
        self.assertNotIn(password, result.stdout + result.stderr)
        self.assertEqual(result.stderr, "")
        seen: dict[str, list[str]] = {}
        for each in json.loads(result.stdout)["checks"]:
            if each["level"] != "ok" and each["check"] not in ("topology", "versions", "majority"):
                seen.setdefault(each["check"], []).append(f"{each['level']}: {each['what']}")
        return result.returncode, seen

    def test_the_role_is_right(self) -> None:
        self.assertEqual(self.take_a_lock(), "")
        self.assertEqual(self.examine(), (0, {}))
        self.assertEqual(self.examine("--write"), (0, {}))

    def test_each_missing_action(self) -> None:
        """All locks work without the history."""
        self.assertEqual(self.take_a_lock(), "")
        places = (("finding", f"{self.server.db}.dlocks"), ("finding", "mongo_dlock_notif"), ("hint", f"{self.server.db}.dlocks.history"))
        for number, ((level, where), actions) in enumerate(zip(places, NEEDED_FOR["dlock"], strict=True)):
            for action in actions:
                self.log_in(roles.without(self.full, number, action))
                status, seen = self.examine()
                self.assertEqual(status, 1 if level == "finding" else 0, (action, seen))
                self.assertRegex("\n".join(seen["rights"]), rf"\A{level}: user \"\w+\" may not {action} on {where}\Z")

    def test_the_command_that_mends_it(self) -> None:
        self.assertEqual(self.take_a_lock(), "")
        self.log_in(roles.without(self.full, 0, "update"))
        result = json.loads(self.run_to_end("--json", verb="doctor").stdout)
        [command] = [each["command"] for each in result["checks"] if each["check"] == "rights"]
        create, grant = command.split("; ")
        for part in (create, grant):
            text = part.partition(".runCommand(")[2][:-1]
            for word in ("createRole", "privileges", "resource", "db", "collection", "actions", "roles", "role", "grantRolesToUser"):
                text = text.replace("{" + word + ":", '{"' + word + '":').replace(f" {word}:", f' "{word}":')
            asked = json.loads(text)
            self.root.admin.command(asked)
            if "createRole" in asked:
                self.addCleanup(self.root.admin.command, "dropRole", asked["createRole"])
        self.assertEqual(self.examine(), (0, {}))

    def test_too_many(self) -> None:
        self.assertEqual(self.take_a_lock(), "")
        more = json.loads(json.dumps(self.full))
        more["privileges"].append({"resource": {"db": "shop", "collection": ""}, "actions": ["update"]})
        self.log_in(more)
        status, seen = self.examine()
        self.assertEqual((status, [*seen]), (0, ["more-rights"]))
        self.assertIn("database shop", seen["more-rights"][0])
        self.environment["DLOCK_URL"] = ADMIN_URL
        status, seen = self.examine()
        self.assertEqual((status, [*seen]), (0, ["more-rights"]))
        self.assertRegex(seen["more-rights"][0], "may also change .*(everything|every database)")

    def test_no_login(self) -> None:
        self.assertEqual(self.take_a_lock(), "")
        self.environment["DLOCK_URL"] = self.server.url_for("", "")
        status, seen = self.examine()
        self.assertEqual(status, 1)
        self.assertIn("finding: nobody has logged in", seen["rights"][0])

    def test_a_wrong_password(self) -> None:
        self.environment["DLOCK_URL"] = self.server.url_for("nobody", "wrong-password")
        result = self.run_to_end(verb="doctor")
        self.assertEqual((result.returncode, result.stdout), (125, ""))
        self.assertRegex(result.stderr, r"\Adlock: cannot examine [^\n]*check user, password and authSource in the URL\n\Z")
        self.assertNotIn("wrong-password", result.stderr)

    def test_a_canary_that_nobody_is_told_of(self) -> None:
        self.assertEqual(self.take_a_lock(), "")
        self.log_in(roles.without(self.full, 1, "insert"))
        status, seen = self.examine("--write")
        self.assertEqual(status, 1)
        self.assertRegex(seen["canary"][0], r"\Afinding: a lock was acquired in .*: .*not authorized")


# Of each right in the documented roles, by resource: what does not work without it.
NEEDED_FOR: dict[str, list[dict[str, Any]]] = {
    "dlock": [{"find": Role.list_locks, "insert": Role.take_a_lock, "update": Role.take_a_lock,
               "createIndex": Role.take_a_lock, "listIndexes": Role.take_a_lock_with_another_grace},
              {"find": Role.watch, "insert": Role.tell_of_it, "convertToCapped": Role.watch},
              {"find": Role.record_a_run, "insert": Role.record_a_run, "update": Role.record_a_run, "createIndex": Role.record_a_run}],
    "dlockWatcher": [{"find": Role.list_locks, "listIndexes": Role.watch}, {"find": Role.watch}, {"find": Role.show_its_history}],
}
for role, needed in NEEDED_FOR.items():
    for number, actions in enumerate(needed):
        for each in actions:
            setattr(Minimal, f"test_{role}_{number}_{each}",
                    lambda self, name=role, number=number, each=each: self.check_fails(name, number, each))


if __name__ == "__main__":
    main()
