#!/usr/bin/python3
"""oplog_diff.py: differences as MongoDB writes them, and entries of several kinds. test_oplog_diff.py FOLDER"""

from __future__ import annotations

import copy
import sys
import unittest
from typing import Any

sys.path.insert(0, sys.argv.pop(1))

from oplog_diff import CannotApply, Collection, apply_diff, plain  # noqa: E402

NS = "dlocks.dlocks"
DIFFERENCES: list[tuple[Any, Any, Any]] = [  # before, the difference, after
    ({"a": 1, "b": 2}, {"u": {"a": 3}}, {"a": 3, "b": 2}),
    ({"a": 1, "b": 2}, {"d": {"a": False}}, {"b": 2}),
    ({"a": 1}, {"i": {"b": {"c": 2}}}, {"a": 1, "b": {"c": 2}}),
    ({"a": 1, "b": 2}, {"d": {"a": False}, "i": {"a": 3}}, {"b": 2, "a": 3}),  # in this order
    ({"a": {"b": {"c": 1}}, "x": 0}, {"sa": {"sb": {"u": {"c": 2}}}}, {"a": {"b": {"c": 2}}, "x": 0}),
    ({"a": {"sa": 1}}, {"sa": {"u": {"sa": 2}}}, {"a": {"sa": 2}}),
    ({"l": [1, 2, 3]}, {"sl": {"a": True, "u1": 9}}, {"l": [1, 9, 3]}),
    ({"l": [1, 2, 3]}, {"sl": {"a": True, "l": 1}}, {"l": [1]}),
    ({"l": [1, 2, 3]}, {"sl": {"a": True, "l": 2, "u0": 5}}, {"l": [5, 2]}),
    ({"l": [1]}, {"sl": {"a": True, "u1": 2, "u2": 3}}, {"l": [1, 2, 3]}),
    ({"l": [{"a": 1}, {"a": 2}]}, {"sl": {"a": True, "s1": {"u": {"a": 3}}}}, {"l": [{"a": 1}, {"a": 3}]}),
    ({"l": [[1, 2]]}, {"sl": {"a": True, "s0": {"a": True, "u0": 4}}}, {"l": [[4, 2]]}),
    ({"a": 1}, {"sb": {"u": {"c": 1}}}, CannotApply),
    ({"a": 1}, {"sa": {"a": True, "u0": 1}}, CannotApply),
    ({"a": [1]}, {"sa": {"u": {"b": 1}}}, CannotApply),
    ({"a": 1}, {"x": {}}, CannotApply),
    ({"a": [1]}, {"sa": {"a": True, "x0": 1}}, CannotApply),
]


def entry(op: str, o: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"op": op, "ns": NS, "o": o, "wall": 7, **more}


UPDATE = entry("u", {"$v": 2, "diff": {"u": {"n": 2}}}, o2={"_id": "a"})
ENTRIES: list[tuple[dict[str, Any], list[Any]]] = [  # one after the other, with the documents that each changes: id, before, after
    (entry("i", {"_id": "a", "n": 1}), [("a", None, {"_id": "a", "n": 1})]),
    (UPDATE, [("a", {"_id": "a", "n": 1}, {"_id": "a", "n": 2})]),
    (entry("u", {"_id": "a", "m": 3}, o2={"_id": "a"}), [("a", {"_id": "a", "n": 2}, {"_id": "a", "m": 3})]),
    (entry("i", {"_id": "a"}, ns="dlocks.other"), []),
    (entry("n", {"msg": "periodic noop"}, ns=""), []),
    (entry("i", {"_id": "b"}), [("b", None, {"_id": "b"})]),
    (entry("c", {"applyOps": [entry("d", {"_id": "a"}), entry("d", {"_id": "b"})]}, ns="admin.$cmd"),
     [("a", {"_id": "a", "m": 3}, None), ("b", {"_id": "b"}, None)]),
    (entry("i", {"_id": "c"}), [("c", None, {"_id": "c"})]),
    (entry("c", {"drop": "other"}, ns="dlocks.$cmd"), []),
    (entry("c", {"drop": "dlocks"}, ns="dlocks.$cmd"), [("c", {"_id": "c"}, None)]),
]


class OplogDiff(unittest.TestCase):
    def test_differences(self) -> None:
        for before, diff, after in DIFFERENCES:
            with self.subTest(before=before, diff=diff):
                given = copy.deepcopy(before)
                if after is CannotApply:
                    self.assertRaises(CannotApply, apply_diff, given, diff)
                else:
                    made = apply_diff(given, diff)
                    self.assertEqual((made, list(made)), (after, list(after)))
                self.assertEqual(given, before, "what was there is not changed")

    def test_entries(self) -> None:
        everything = Collection(NS)
        for one, changes in ENTRIES:
            self.assertEqual([(each.id, each.before, each.after) for each in everything.take(one, 1)], changes)
        self.assertEqual(everything.documents, {})
        with self.assertRaises(CannotApply):  # an oplog that begins too late
            list(everything.take(UPDATE, 1))

    def test_extended_json(self) -> None:
        self.assertEqual(plain({"a": {"$numberLong": "5"}, "b": [{"$numberInt": "6"}], "c": {"$date": {"$numberLong": "7"}},
                                "d": {"$timestamp": {"t": 1, "i": 2}}, "e": {"$numberDouble": "8.0"}, "f": {"g": "$h"}}),
                         {"a": 5, "b": [6], "c": 7, "d": (1, 2), "e": 8, "f": {"g": "$h"}})


if __name__ == "__main__":
    unittest.main()
