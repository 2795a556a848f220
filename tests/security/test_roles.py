#!/usr/bin/python3
"""The roles of docs/security.md suffice, and nothing in them is too much: without any single action, something that the
role is for does not work any more. Runs on a set with passwords, as DLOCK_TEST_ADMIN_URL (with_role.py)."""

from __future__ import annotations

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

    def show_a_lock(self) -> str:
        result = self.run_to_end(self.lock, verb="show")
        return result.stderr if result.returncode == 125 else ""

    def take_it_off(self) -> str:
        holder = self.hold_lock(self.lock)
        result = self.run_to_end("--force", self.lock, verb="release")
        holder.communicate(timeout=PATIENCE)
        return result.stderr or ("" if holder.returncode == 123 else "it was not taken off")

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
         Role.watch, Role.tell_of_it, Role.hand_over, Role.watch_a_channel_that_was_made_wrongly)
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
        for works in (Role.list_locks, Role.show_a_lock, Role.watch):
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


# Of each right in the documented roles, by resource: what does not work without it.
NEEDED_FOR: dict[str, list[dict[str, Any]]] = {
    "dlock": [{"find": Role.list_locks, "insert": Role.take_a_lock, "update": Role.take_a_lock,
               "createIndex": Role.take_a_lock, "listIndexes": Role.take_a_lock_with_another_grace},
              {"find": Role.watch, "insert": Role.tell_of_it, "convertToCapped": Role.watch}],
    "dlockWatcher": [{"find": Role.list_locks, "listIndexes": Role.watch}, {"find": Role.watch}],
}
for role, needed in NEEDED_FOR.items():
    for number, actions in enumerate(needed):
        for each in actions:
            setattr(Minimal, f"test_{role}_{number}_{each}",
                    lambda self, name=role, number=number, each=each: self.check_fails(name, number, each))


if __name__ == "__main__":
    main()
