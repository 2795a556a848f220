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
            by_kind = {what: report.of(rows, what) for what in ("uncontended", "contended", "shared", "holding")}
            for what, found in by_kind.items():
                self.assertTrue(found, what)
            self.assertEqual({row["threads"] for row in by_kind["uncontended"]}, {1, 4, 16})
            self.assertTrue(all(row["pair_us"] > 0 and row["raw_us"] > 0 for row in by_kind["uncontended"]))
            self.assertTrue(all(row["grants_per_s"] > 0 for row in by_kind["contended"]))
            self.assertEqual({row["hold_ms"] for row in by_kind["contended"]}, {0, 10})
            self.assertEqual({(row["kind"], row["locks"]) for row in by_kind["holding"]},
                             {(kind, locks) for kind in ("mutexes", "readers") for locks in (1, 10)})
            page = report.text(rows, True)
            self.assertIn("| dlock, 1 node | 16 |", page)
            self.assertIn("etcd was not measured", page)
            for name in report.plot(rows, out):
                self.assertIn("<svg", (out / name).read_text())


PAIR = {"what": "uncontended", "system": "etcd", "mode": "etcd", "nodes": 3, "threads": 4, "raw_us": 2000, "pair_us": 3000,
        "time_ratio": 1.5, "raw_pairs_per_s": 900, "pairs_per_s": 600, "rate_ratio": 0.67}


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
            self.assertEqual((page.parent / "performance" / "cpu.svg").read_text(), "<svg/>")

    def test_etcd_stands_beside_dlock(self) -> None:
        rows = [PAIR, PAIR | {"system": "dlock", "mode": "plain"}, PAIR | {"system": "dlock", "mode": "early"}]
        page = report.text(json.loads(json.dumps(rows)), False)
        for start in ("| etcd | 4 | 2.00 ms | 3.00 ms | 1.50 | 600 | 0.67 |", "| dlock | 4 |", "| dlock, early | 4 |"):
            self.assertIn(start, page)
        self.assertNotIn("was not measured", page)


if __name__ == "__main__":
    report.BENCH = Path(sys.argv.pop(1))
    unittest.main()
