#!/usr/bin/python3
"""Both opinions of many generated histories: test_agreement.py PRINTER FOLDER [COUNT]

PRINTER is dlock_chaos_histories_print; FOLDER is chaos/check, for second_opinion. Valid histories are accepted by the
second opinion, what is broken is caught by it where it judges that rule, with a place in the history, and on each of its
rules it says what chaos-check says.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

Block = tuple[dict[str, Any], list[dict[str, Any]]]


def histories(printer: str, count: str) -> Iterator[Block]:
    with subprocess.Popen([printer, count], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        head: dict[str, Any] | None = None
        events: list[dict[str, Any]] = []
        for row in process.stdout:
            if not row.strip():
                assert head is not None
                yield head, events
                head, events = None, []
            elif head is None:
                head = json.loads(row)
            else:
                events.append(json.loads(row) | {"place": f"history.jsonl:{len(events) + 1}"})
    if process.returncode != 0:
        sys.exit(f"{printer} ended with {process.returncode}")


def main() -> int:
    printer, folder, count = [*sys.argv[1:], "60"][:3]
    sys.path.insert(0, folder)
    from second_opinion import Opinion

    wrong = 0
    judged: Counter[str] = Counter()
    for head, events in histories(printer, count):
        said = {rule.name: rule for rule in Opinion(events).verdict()}
        judged[head["broken"] or "valid"] += 1
        where = f"history {head['history']}, {head['broken'] or 'valid'}"
        for name, rule in said.items():
            if (not rule.broken) != head["verdict"][name]:
                print(f"{where}: no agreement on {name}: {'BROKEN ' if rule.broken else 'ok'} {rule.examples}")
                wrong += 1
        for name, rule in said.items():
            for example in rule.examples:
                if "history.jsonl:" not in example:
                    print(f"{where}: {name} does not say where in the history it was broken: {example}")
                    wrong += 1
        if not head["caught_by"] and any(rule.broken for rule in said.values()):
            print(f"{where}: is not accepted")
            wrong += 1
        caught_by = said.get(head["caught_by"])
        if caught_by is not None and not caught_by.broken:
            print(f"{where}: is not caught")
            wrong += 1
    for name, number in judged.items():
        print(f"{number:6} {name}")
    if judged["valid"] < int(count) or len(judged) < 15:
        print("too few kinds of histories to say anything")
        return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
