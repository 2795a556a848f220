"""bench/report.py: the quick form measures each kind of figure, and a page gets what was measured."""

from __future__ import annotations

import json
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import report  # noqa: E402


class Quick(unittest.TestCase):
    def test_each_kind_of_figure_is_measured_and_written(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            rows = report.measure(True, [], out)
            kinds = ("uncontended", "contended", "shared", "holding", "recall", "watched")
            by_kind = {what: report.of(rows, what) for what in kinds}
            for what, found in by_kind.items():
                self.assertTrue(found, what)
            self.assertEqual({row["threads"] for row in by_kind["uncontended"]}, {1, 4, 16})
            self.assertTrue(all(row["pair_us"] > 0 and row["raw_us"] > 0 for row in by_kind["uncontended"]))
            self.assertTrue(all(row["grants_per_s"] > 0 for row in by_kind["contended"]))
            self.assertEqual({row["hold_ms"] for row in by_kind["contended"]}, {0, 10})
            self.assertEqual({(row["kind"], row["locks"]) for row in by_kind["holding"]},
                             {(kind, locks) for kind in ("mutexes", "readers") for locks in (1, 10)})
            alone = {row["mode"]: row for row in by_kind["contended"] if row["processes"] == 1}
            self.assertEqual(set(alone), {"plain", "turns-999"})
            self.assertGreater(alone["turns-999"]["grants_per_s"], 3 * alone["plain"]["grants_per_s"])
            self.assertTrue(all(row["recall_us"] > 0 and row["hand_off_us"] > 0 for row in by_kind["recall"]))
            page = report.text(rows, True)
            self.assertIn("| dlock, 1 node | 16 |", page)
            self.assertIn("| dlock, turns-999, 1 node | 20 threads in one process |", page)
            self.assertIn("etcd was not measured", page)
            for name in report.plot(rows, out):
                self.assertIn("<svg", (out / name).read_text())


PAIR = {"what": "uncontended", "system": "etcd", "mode": "etcd", "nodes": 3, "threads": 4, "raw_us": 2000, "pair_us": 3000,
        "time_ratio": 1.5, "raw_pairs_per_s": 900, "pairs_per_s": 600, "rate_ratio": 0.67}


QUEUE = {"what": "contended", "system": "dlock", "mode": "plain", "nodes": 3, "processes": 10, "threads": 100, "hold_ms": 0,
         "write_us": 2500, "insert_us": 500, "hand_off_us": 0, "ratio": 0, "grants_per_s": 171, "per_write": 0.49}


class Stages(unittest.TestCase):
    def test_all_that_is_measured_has_a_stage(self) -> None:
        found = report.stages(report.BENCH, False, ["--windows", "5"])
        rest = {"versions", "one-node", "etcd"}  # these are not verbs for one program on three nodes
        self.assertEqual({*found, *rest}, set(report.STAGES))
        self.assertTrue(all(found.values()), found)

    def test_what_an_older_program_does_not_know_is_left_out(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "old"

            def knows(words: str) -> dict[str, list[list[str]]]:
                program.write_text(f"#!/bin/sh\ncase $1 in modes) echo plain;; *) printf '{words}';; esac\n")
                program.chmod(0o755)
                return report.stages(program, False, [])

            some = knows("  --json TEXT  File\\nSubcommands:\\n  uncontended  Pairs\\n  shared  Many readers\\n  holding  Held\\n")
            self.assertEqual({stage for stage, verbs in some.items() if verbs}, {"pairs", "readers", "held"})
            self.assertEqual(knows("  uncontended  Pairs\\n"), {}, "it writes no figures")

    def test_versions_are_measured_in_turn(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            rows = report.measure(True, [report.BENCH], Path(folder), ["versions"], 2)
        self.assertEqual([(row["what"], row["version"], row["windows"]) for row in rows],
                         [("compare", "dlock", 2), ("compare", "again", 2), ("compare", "before", 2)])
        this, _, other = rows
        self.assertEqual(this["hand_off_ratio"], 1)
        self.assertTrue(0 < other["hand_off_least"] <= other["hand_off_ratio"] <= other["hand_off_most"], other)
        self.assertIn("| before | 2 | 10 ms |", report.text(rows, True))


class Pages(unittest.TestCase):
    def test_the_page_has_a_place_for_figures(self) -> None:
        page = report.PERFORMANCE.read_text()
        self.assertEqual((page.count(report.BEGIN), page.count(report.END)), (1, 1))

    def test_the_figures_of_a_page_are_replaced_and_the_rest_stays(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            page, out = Path(folder) / "performance.md", Path(folder) / "out"
            out.mkdir()
            (out / "cpu.svg").write_text("<svg/>")
            page.write_text(f"before\n{report.BEGIN}old\n{report.END}after\n")
            real, report.PERFORMANCE = report.PERFORMANCE, page
            try:
                report.renew("new \\1 figures\n", ["cpu.svg"], out)
            finally:
                report.PERFORMANCE = real
            text = page.read_text()
            self.assertTrue(text.startswith(f"before\n{report.BEGIN}") and text.endswith(f"{report.END}after\n"), text)
            self.assertIn("new \\1 figures", text)
            self.assertIn("](performance/cpu.svg)", text)
            self.assertNotIn("old", text)
            self.assertEqual((page.parent / "performance" / "cpu.svg").read_text(), "<svg/>\n")

    def test_etcd_stands_beside_dlock(self) -> None:
        rows = [PAIR, PAIR | {"system": "dlock", "mode": "plain"}, PAIR | {"system": "dlock", "mode": "early"}]
        page = report.text(json.loads(json.dumps(rows)), False)
        for start in ("| etcd | 4 | 2.00 ms | 3.00 ms | 1.50 | 600 | 0.67 |", "| dlock | 4 |", "| dlock, early | 4 |"):
            self.assertIn(start, page)
        self.assertNotIn("was not measured", page)

    def test_as_many_contenders_stand_beside_each_other(self) -> None:
        one = {"processes": 1, "threads": 1000}
        rows = [QUEUE, QUEUE | {"mode": "turns"}, QUEUE | one | {"mode": "turns-999", "per_write": 250}, QUEUE | {"threads": 1},
                QUEUE | {"system": "etcd", "mode": "etcd"}, QUEUE | {"system": "etcd", "mode": "etcd"} | one]
        lines = [line for line in report.text(rows, False).splitlines() if "| 171 |" in line]
        self.assertEqual(lines, [
            "| dlock | 10 processes | 171 | 0.49 |",
            "| dlock | 1000 threads in 10 processes | 171 | 0.49 |",
            "| dlock, turns | 1000 threads in 10 processes | 171 | 0.49 |",
            "| etcd | 1000 threads in 10 processes | 171 | 0.49 |",
            "| dlock, turns-999 | 1000 threads in one process | 171 | 250.00 |",
            "| etcd | 1000 threads in one process | 171 | 0.49 |"])

    def test_a_plot_has_a_line_for_each_system_and_none_that_dwarfs_the_others(self) -> None:
        pair = PAIR | {"system": "dlock", "mode": "plain"}
        rows = [pair | {"threads": 16}, pair, pair | {"mode": "linger", "pairs_per_s": 300_000}, PAIR, QUEUE | {"threads": 1}, QUEUE]
        drawn = report.curves(rows)
        self.assertEqual(drawn["pairs.svg"], ("threads", "pairs/s", {"dlock": [(4, 600), (16, 600)], "etcd": [(4, 600)]}))
        self.assertEqual(drawn["grants.svg"][2], {"dlock": [(10, 171)]})
        self.assertNotIn("cpu.svg", drawn)

    def test_short_times_and_small_ratios_can_be_read(self) -> None:
        page = report.text([PAIR | {"system": "dlock", "mode": "linger", "threads": 1, "pair_us": 1.23, "time_ratio": 0.000271}], False)
        self.assertIn("| dlock, linger | 1 | 2.00 ms | 1.2 us | 0.00027 | 600 | 0.67 |", page)

    def test_calls_without_a_thread_have_the_time_to_their_callback(self) -> None:
        row = {"what": "async", "system": "dlock", "nodes": 3, "calls": 10000, "locks": 50, "threads": 6, "bytes": 5353,
               "idle_percent": 1.2, "cancelled_s": 0.11}
        self.assertIn("| 1.2 % |  |  |  |  | 0.11 s |", report.text([row], False), "an older version does not measure it")
        row |= {"write_us": 2500, "insert_us": 500, "pass_us": 4000, "pass_p99_us": 9000}
        self.assertIn("| 1.2 % | 2.50 ms | 4.00 ms | 9.00 ms | 3.00 | 0.11 s |", report.text([row], False))

    def test_what_others_cost_and_get(self) -> None:
        common = {"system": "dlock", "nodes": 3}
        rows = [common | {"what": "recall", "write_us": 2000, "insert_us": 500, "recall_us": 5000, "hand_off_us": 4000, "ratio": 1.25},
                common | {"what": "bystanders", "least": 2, "most": 200, "least_cpu_us": 2500, "most_cpu_us": 2600, "ratio": 1.04},
                common | {"what": "fairness", "processes": 20, "grants": 10000, "least": 495, "most": 505, "bypasses": 0}]
        page = report.text(rows, False)
        for line in ("| dlock | 2.00 ms | 4.00 ms | 5.00 ms | 1.25 | 2.00 |", "| dlock | 2 | 2.50 ms | 200 | 2.60 ms | 1.04 |",
                     "| dlock | 20 | 10000 | 495 | 505 | 0 |"):
            self.assertIn(line, page)


if __name__ == "__main__":
    report.BENCH = Path(sys.argv.pop(1))
    unittest.main()
