#!/usr/bin/python3
"""What the harness makes of a history: who holds, the figures of the table, and the verdict."""

import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "chaos" / "harness")]

import figures  # noqa: E402
import verdict as verdicts  # noqa: E402
from checks import Judgement  # noqa: E402
from evidence import scratch_folder  # noqa: E402
from history import Follower  # noqa: E402
from plan import Plan  # noqa: E402

S = 1_000_000_000


def call(t: float, c: int, p: str = "w0.1", **more: object) -> dict:
    return {"t": int(t * S), "p": p, "e": "call", "c": c, "op": "acquire", "lock": "m0", "mode": "x", "ttl": 2000, **more}


def acquired(t: float, c: int, id: str, p: str = "w0.1", **more: object) -> dict:
    return {"t": int(t * S), "p": p, "e": "return", "c": c, "what": "acquired", "id": id, "token": int(t * 1000), **more}


def release(t: float, c: int, id: str, p: str = "w0.1") -> list[dict]:
    return [{"t": int(t * S), "p": p, "e": "call", "c": c, "op": "release", "id": id},
            {"t": int(t * S) + 1, "p": p, "e": "return", "c": c, "what": "released"}]


class Histories(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = self.enterContext(scratch_folder())
        (self.folder / "history").mkdir()

    def write(self, *events: dict, name: str = "w0.1", tail: str = "") -> None:
        with (self.folder / "history" / f"{name}.jsonl").open("a") as file:
            file.write("".join(json.dumps(event) + "\n" for event in events) + tail)

    def test_follower_knows_who_holds(self) -> None:
        follower = Follower(self.folder / "history")

        def holders() -> list[str]:
            follower.look()
            return follower.holders()

        line = json.dumps(acquired(2, 1, "a")) + "\n"
        self.write(call(1, 1), tail=line[:20])
        self.assertEqual([], holders())
        self.write(tail=line[20:])  # the rest of the torn line
        self.assertEqual(["w0.1"], holders())
        self.write(*release(4, 2, "a"))
        self.assertEqual([], holders())
        self.write(call(5, 3), acquired(6, 3, "b"), call(7, 4))
        self.assertEqual(["w0.1"], holders())
        follower.forget("w0.1")  # it died
        self.assertEqual([], follower.holders())
        self.assertEqual((2, 1), (follower.counts["acquired"], follower.counts["unknown"]))

    def test_take_overs_unknowns_and_gaps(self) -> None:
        self.write(call(1, 1), acquired(2, 1, "a"), *release(3, 2, "a"), call(3, 3), acquired(4, 3, "b"), *release(4.5, 4, "b"),
                   call(4.6, 5), acquired(5, 5, "c"), call(6, 6))
        self.write(call(6, 1, "w1.1"), acquired(12, 1, "d", "w1.1"), name="w1.1")
        found = figures.of(self.folder)
        self.assertEqual((4, 1, 1), (found.acquisitions, found.take_overs, found.unknowns))
        self.assertEqual(7, found.longest_gap)

    def test_time_from_a_stepdown_to_the_next_grant(self) -> None:
        self.write(call(1, 1), acquired(5.5, 1, "a"), *release(5.6, 2, "a"), call(5.7, 3), acquired(9.5, 3, "b"))
        begin = {"t": 5 * S, "p": "harness", "e": "fault", "class": "stepdown", "phase": "begin", "n": 1, "target": ""}
        struck = {"t": 6 * S, "p": "harness", "e": "struck", "class": "stepdown", "n": 1, "began": 5 * S}
        self.write(begin, struck, {**begin, "t": 10 * S, "phase": "end"}, name="harness")
        self.assertEqual([4.5], figures.of(self.folder).stepdown_to_grant)
        other = {**begin, "t": 4 * S, "n": 2, "class": "delay-reply"}
        self.write(other, {**other, "t": 7 * S, "phase": "end"}, name="harness2")
        found = figures.of(self.folder)
        self.assertEqual(([], 1), (found.stepdown_to_grant, found.spoilt))


class Verdicts(unittest.TestCase):
    """The sum of several runs, and what makes a run bad."""

    def setUp(self) -> None:
        self.folder = self.enterContext(scratch_folder())

    def verdict(self, **more: object) -> verdicts.Verdict:
        found = figures.Figures(acquisitions=100, elections=2, longest_gap=3.5, stepdown_to_grant=[1.0])
        plan = Plan(seconds=1800, seed=1).as_json()
        judged = Judgement("chaos-check", 0, passed=2, counts={"stale_refused": 3, "overlaps": {"none": 1}})
        return verdicts.Verdict("", plan, {"stepdown": 4}, {"stepdown": 5}, found, [judged], **more)

    def write(self, name: str, verdict: verdicts.Verdict) -> None:
        (self.folder / name).mkdir()
        verdict.write(self.folder / name)

    def test_sum(self) -> None:
        self.write("a", self.verdict())
        self.write("b", self.verdict())
        planted = self.verdict(problems=["x"])
        planted.plan["planted"] = "lifo"  # is meant to be bad, and is left out
        self.write("c", planted)
        text, good = verdicts.add_up([self.folder])
        self.assertTrue(good)
        for line in ("2 runs, 1.00 h, 200 acquisitions, 4 elections", "stepdown                    8", f"{'chaos-check stale_refused':48} 6", f"{'chaos-check overlaps none':48} 2",
                     "longest time without a grant 3.5 s", "(2 times)", "no rule was found broken", "all 2 runs were good"):
            self.assertIn(line, text)
        self.write("d", self.verdict(vacuous=["nothing happened"]))
        bad = self.verdict()
        bad.judgements[0].failed = [{"name": "overlap"}]
        self.write("e", bad)
        text, good = verdicts.add_up([self.folder])
        self.assertFalse(good)
        self.assertIn(f"BAD {self.folder}/d: nothing happened", text)
        self.assertIn("broken in 1 runs: chaos-check: overlap", text)
        self.assertFalse(verdicts.add_up([])[1], "of nothing")

    def test_a_checker_that_cannot_judge_is_not_good(self) -> None:
        verdict = self.verdict()
        self.assertTrue(verdict.ok)
        for status in (1, 2):
            verdict.judgements[0].status = status
            self.assertFalse(verdict.ok)
            self.assertTrue(verdict.wrong)

    def test_says_what_was_broken_on_what(self) -> None:
        self.assertEqual(self.verdict().explain(), "")
        verdict = self.verdict(problems=["w3.1 ended with status 1"], vacuous=["no election"])
        verdict.judgements[0].status = 1
        verdict.judgements[0].failed = [{"name": "overlap", "ok": False, "detail": "40 holds", "broken": 9,
                                         "examples": [f"m0 alone by w{n}.1, token {n} (w{n}.1.jsonl:12)" for n in range(9)]}]
        verdict.judgements.append(Judgement("oplog_audit", 2, output="usage: ...\noplog audit: oplog.jsonl:3: no JSON\n"))
        text = verdict.explain()
        self.assertIn("BROKEN overlap, says chaos-check: 9 times; 40 holds\n  m0 alone by w0.1, token 0 (w0.1.jsonl:12)\n", text)
        self.assertEqual(5, text.count("m0 alone"), text)
        for line in ("oplog_audit: cannot judge: oplog audit: oplog.jsonl:3: no JSON", "PROBLEM: w3.1 ended with status 1",
                     "VACUOUS: no election"):
            self.assertIn(line, text.splitlines())
            self.assertIn(line, [each.strip() for each in verdicts.table(verdict).splitlines()])
        self.assertEqual(verdict.wrong, [line for line in text.splitlines() if not line.startswith(("VACUOUS", "("))])


if __name__ == "__main__":
    unittest.main()
