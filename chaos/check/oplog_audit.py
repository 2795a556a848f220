#!/usr/bin/python3
"""Replays what the server wrote down, and asks of each version of each lock whether it may follow the one before.

  oplog_audit.py DIR [--ns dlocks.dlocks] [--skew MS] [--grace MS]

Reads DIR/oplog.jsonl (entries of local.oplog.rs, canonical extended JSON, in their order), DIR/config.json and, if it is there,
DIR/history: then each grant is compared with what the clients were told. Writes DIR/oplog_audit.json. Exits with 0 if all is
well, 1 if a rule was broken, 2 if there is nothing to judge.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from audit_history import Clients, Unusable
from audit_rules import Audit
from oplog_diff import CannotApply, Collection, plain


def settings(folder: Path, given: argparse.Namespace) -> dict[str, int]:
    config: dict[str, Any] = {}
    if (folder / "config.json").exists():
        read = json.loads((folder / "config.json").read_text())
        for part in (read.get("config"), read.get("options"), read):
            config |= part if isinstance(part, dict) else {}
    skew = given.skew if given.skew is not None else config.get("clock_skew_ms", 500)
    grace = given.grace if given.grace is not None else config.get("grace_ms", 60_000)
    return {"skew": skew, "grace": grace}


def audit(folder: Path, given: argparse.Namespace) -> Audit:
    clients = Clients.read(folder)
    judge = Audit(clients, **settings(folder, given))
    collection = Collection(given.ns)
    with (folder / "oplog.jsonl").open() as rows:
        for number, row in enumerate(rows, start=1):
            if not row.strip():
                continue
            try:
                entry = plain(json.loads(row))
                for change in collection.take(entry, number):
                    judge.take(change)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise Unusable(f"oplog.jsonl:{number}: {error!r}") from error
            except CannotApply as error:
                raise Unusable(f"oplog.jsonl:{number}: {error}") from error
    judge.finish()
    if judge.counts["versions"] == 0:
        raise Unusable("oplog.jsonl has no version of any lock")
    return judge


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--ns", default="dlocks.dlocks", help="the collection of the locks (default dlocks.dlocks)")
    parser.add_argument("--skew", type=int, metavar="MS", help="clock_skew of the clients (default: config.json's, or 500)")
    parser.add_argument("--grace", type=int, metavar="MS", help="of the TTL index (default: config.json's, or 60000)")
    given = parser.parse_args()
    try:
        judge = audit(given.folder, given)
    except (Unusable, OSError, ValueError) as error:
        print(f"oplog audit: {error}", file=sys.stderr)
        return 2
    rules = list(judge.rules.values())
    for rule in rules:
        print(f"{'BROKEN' if rule.broken else 'ok    '} {rule.name}: {rule.detail()}"
              + (f"; broken {rule.broken} times" if rule.broken else ""))
        for example in rule.examples:
            print("       ", example)
    report = {"checks": [rule.report() for rule in rules], "counts": dict(sorted(judge.counts.items()))}
    (given.folder / "oplog_audit.json").write_text(json.dumps(report, indent=2) + "\n")
    return 1 if any(rule.broken for rule in rules) else 0


if __name__ == "__main__":
    sys.exit(main())
