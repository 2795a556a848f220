#!/usr/bin/python3
"""oplog_diff.py: differences as MongoDB writes them, and entries of several kinds. test_oplog_diff.py FOLDER"""

from __future__ import annotations

import sys
import unittest
from typing import Any

sys.path.insert(0, sys.argv.pop(1))

from oplog_diff import CannotApply, Collection, apply_diff, plain  # noqa: E402

NS = "dlocks.dlocks"


def entry(op: str, o: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"op": op, "ns": NS, "o": o, "wall": 7, **more}


class Differences(unittest.TestCase):
    def check(self, before: Any, diff: dict[str, Any], after: Any) -> None:
        self.assertEqual(apply_diff(before, diff), after)

    def test_fields(self) -> None:
        self.check({"a": 1, "b": 2}, {"u": {"a": 3}}, {"a": 3, "b": 2})
        self.check({"a": 1, "b": 2}, {"d": {"a": False}}, {"b": 2})
        self.check({"a": 1}, {"i": {"b": {"c": 2}}}, {"a": 1, "b": {"c": 2}})

    def test_an_inserted_field_is_the_last(self) -> None:
        after = apply_diff({"a": 1, "b": 2}, {"d": {"a": False}, "i": {"a": 3}})
        self.assertEqual(list(after.items()), [("b", 2), ("a", 3)])

    def test_fields_within_fields(self) -> None:
        self.check({"a": {"b": {"c": 1}}, "x": 0}, {"sa": {"sb": {"u": {"c": 2}}}}, {"a": {"b": {"c": 2}}, "x": 0})
        self.check({"a": {"sa": 1}}, {"sa": {"u": {"sa": 2}}}, {"a": {"sa": 2}})

    def test_lists(self) -> None:
        self.check({"l": [1, 2, 3]}, {"sl": {"a": True, "u1": 9}}, {"l": [1, 9, 3]})
        self.check({"l": [1, 2, 3]}, {"sl": {"a": True, "l": 1}}, {"l": [1]})
        self.check({"l": [1, 2, 3]}, {"sl": {"a": True, "l": 2, "u0": 5}}, {"l": [5, 2]})
        self.check({"l": [1]}, {"sl": {"a": True, "u1": 2, "u2": 3}}, {"l": [1, 2, 3]})
        self.check({"l": [{"a": 1}, {"a": 2}]}, {"sl": {"a": True, "s1": {"u": {"a": 3}}}}, {"l": [{"a": 1}, {"a": 3}]})
        self.check({"l": [[1, 2]]}, {"sl": {"a": True, "s0": {"a": True, "u0": 4}}}, {"l": [[4, 2]]})

    def test_what_was_there_is_not_changed(self) -> None:
        before = {"l": [{"a": 1}], "d": {"x": 1}}
        apply_diff(before, {"u": {"n": 1}, "sd": {"u": {"x": 2}}, "sl": {"a": True, "s0": {"u": {"a": 2}}, "u1": 1}})
        self.assertEqual(before, {"l": [{"a": 1}], "d": {"x": 1}})

    def test_what_does_not_fit(self) -> None:
        for before, diff in (({"a": 1}, {"sb": {"u": {"c": 1}}}), ({"a": 1}, {"sa": {"a": True, "u0": 1}}),
                             ({"a": [1]}, {"sa": {"u": {"b": 1}}}), ({"a": 1}, {"x": {}}),
                             ({"a": [1]}, {"sa": {"a": True, "x0": 1}})):
            with self.subTest(diff=diff), self.assertRaises(CannotApply):
                apply_diff(before, diff)


class Entries(unittest.TestCase):
    def setUp(self) -> None:
        self.all = Collection(NS)

    def take(self, one: dict[str, Any]) -> list[tuple[Any, Any, Any]]:
        return [(change.id, change.before, change.after) for change in self.all.take(one, 1)]

    def test_a_life(self) -> None:
        self.assertEqual(self.take(entry("i", {"_id": "a", "n": 1})), [("a", None, {"_id": "a", "n": 1})])
        self.assertEqual(self.take(entry("u", {"$v": 2, "diff": {"u": {"n": 2}}}, o2={"_id": "a"})),
                         [("a", {"_id": "a", "n": 1}, {"_id": "a", "n": 2})])
        self.assertEqual(self.take(entry("u", {"_id": "a", "m": 3}, o2={"_id": "a"})),
                         [("a", {"_id": "a", "n": 2}, {"_id": "a", "m": 3})])
        self.assertEqual(self.take(entry("d", {"_id": "a"})), [("a", {"_id": "a", "m": 3}, None)])
        self.assertEqual(self.all.documents, {})

    def test_of_other_collections(self) -> None:
        self.assertEqual(self.take(entry("i", {"_id": "a"}) | {"ns": "dlocks.other"}), [])
        self.assertEqual(self.take(entry("n", {"msg": "periodic noop"}) | {"ns": ""}), [])

    def test_several_in_one(self) -> None:
        self.take(entry("i", {"_id": "a"}))
        self.take(entry("i", {"_id": "b"}))
        both = entry("c", {"applyOps": [entry("d", {"_id": "a"}), entry("d", {"_id": "b"})]}) | {"ns": "admin.$cmd"}
        self.assertEqual([change[0] for change in self.take(both)], ["a", "b"])

    def test_a_dropped_collection(self) -> None:
        self.take(entry("i", {"_id": "a"}))
        self.assertEqual(self.take(entry("c", {"drop": "other"}) | {"ns": "dlocks.$cmd"}), [])
        self.assertEqual(self.take(entry("c", {"drop": "dlocks"}) | {"ns": "dlocks.$cmd"}), [("a", {"_id": "a"}, None)])

    def test_an_oplog_that_begins_too_late(self) -> None:
        with self.assertRaises(CannotApply):
            self.take(entry("u", {"$v": 2, "diff": {"u": {"n": 2}}}, o2={"_id": "a"}))


class ExtendedJson(unittest.TestCase):
    def test_values(self) -> None:
        self.assertEqual(plain({"a": {"$numberLong": "5"}, "b": [{"$numberInt": "6"}], "c": {"$date": {"$numberLong": "7"}},
                                "d": {"$timestamp": {"t": 1, "i": 2}}, "e": {"$numberDouble": "8.0"}, "f": {"g": "$h"}}),
                         {"a": 5, "b": [6], "c": 7, "d": (1, 2), "e": 8, "f": {"g": "$h"}})


if __name__ == "__main__":
    unittest.main()
