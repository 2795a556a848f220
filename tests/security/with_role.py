#!/usr/bin/python3
"""with_role.py [--nodes N] -- COMMAND...: runs COMMAND with a set of its own on which the library may do no more than
docs/security.md says. DLOCK_TEST_URL is a user's who has the role dlock; what the tests do besides (drop databases, make
fail points) they do as DLOCK_TEST_ADMIN_URL."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import mongod  # noqa: E402
import roles  # noqa: E402
from private_set import ReplicaSet, SetError  # noqa: E402
from replica_set import parse_nodes, run  # noqa: E402


class RestrictedSet(ReplicaSet):
    def start(self) -> None:
        self._user = ("", "")
        super().start()
        with self.connect() as root:
            self._user = roles.make_user(root, roles.documented()["dlock"])
        os.environ["DLOCK_TEST_ADMIN_URL"] = self.url_for_root
        self._write_state()

    @property
    def url_for_root(self) -> str:
        return super().url

    @property
    def url(self) -> str:
        return self.url_for(*self._user)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=parse_nodes, default=1)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if mongod.find() is None:
        print("skipped: there is no mongod (the tests were given a server by DLOCK_TEST_URL)")
        return 77
    try:
        return run(RestrictedSet(nodes=options.nodes, auth=True), options.command)
    except SetError as error:
        print(f"with_role: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
