#!/usr/bin/python3
"""The planted bugs: each patch can be applied and names finders that there are; nothing of them is in what is shipped."""

import contextlib
import functools
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "chaos" / "harness")]

import patches  # noqa: E402
import planted  # noqa: E402
import prove  # noqa: E402
import schedule  # noqa: E402
from plan import KINDS  # noqa: E402
from private_set import SetError  # noqa: E402

BIN = Path(os.environ.get("DLOCK_CHAOS_BIN", ROOT / "build" / "bin"))
LIBRARY = Path(os.environ.get("DLOCK_LIBRARY", ROOT / "build" / "src" / "libdlock.a"))
WORKER = Path(os.environ.get("DLOCK_WORKER", BIN / "chaos-worker"))


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@functools.cache
def tests_of(program: str) -> set[str]:
    """As --gtest_filter names them."""
    names, suite = set(), ""
    for line in output(BIN / program, "--gtest_list_tests").splitlines():
        word = line.split("#")[0].strip()
        if line.startswith(" "):
            names.add(suite + word)
        else:
            suite = word
    return names


class Patches(unittest.TestCase):
    def test_each_can_be_applied_to_the_source_as_it_is(self) -> None:
        for patch in patches.all_patches():
            with self.subTest(patch.name):
                self.assertEqual("", patches.applied(patch, ROOT, dry=True))
                self.assertTrue(all(file.startswith(("src/", "reference/")) for file in patch.files), patch.files)

    def test_context_that_differs_is_no_place_for_one(self) -> None:
        patch = patches.named(["lifo"])[0]
        with tempfile.TemporaryDirectory() as folder:
            for file in patch.files:
                copy = Path(folder) / file
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text((ROOT / file).read_text().replace("kAppend = ", "kAppended = "))
            self.assertIn("FAILED", patches.applied(patch, Path(folder), dry=True))

    def test_the_finders_are_there(self) -> None:
        for patch in patches.all_patches():
            with self.subTest(patch.name):
                self.assertTrue(patch.cheap, "./run planted finds each")
                for finder in patch.cheap:
                    if finder.kind == "simulator":
                        self.assertTrue((BIN / finder.program).exists())
                    else:
                        self.assertTrue(finder.tests in tests_of(finder.program), f"there is no {finder}")
        by_chaos = {patch.name for patch in patches.all_patches() if any(finder.kind == "chaos" for finder in patch.finders)}
        self.assertEqual(by_chaos, {bug.name for bug in planted.BUGS})

    def test_a_head_that_says_less_is_refused(self) -> None:
        good = (patches.PATCHES / "lifo.patch").read_text()
        with tempfile.TemporaryDirectory() as folder:
            for bad in (good.replace("Found by: ", "Found: "), good.replace("property test", "somebody"), good.partition("\n")[2]):
                path = Path(folder) / "bad.patch"
                path.write_text(bad)
                with self.subTest(bad[:60]), self.assertRaises(SetError):
                    patches.read(path)


class Proof(unittest.TestCase):
    """What ./run planted makes of a finder, with a script in its place and nothing built."""

    def missed_by(self, script: str) -> int:
        with tempfile.TemporaryDirectory() as folder:
            finder = Path(folder) / "dlock_protocol_tests"
            finder.write_text(f"#!/bin/sh\n{script}\n")
            finder.chmod(0o755)
            tree = patches.PatchedTree(Path(folder))
            tree.bin = Path(folder)
            tree.build = lambda targets: None  # type: ignore[method-assign]
            tree.with_bug = lambda patch: self.planting(Path(folder))  # type: ignore[assignment,method-assign]
            with contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):
                return prove.prove(tree, patches.named(["late-resize"]))

    @contextlib.contextmanager
    def planting(self, folder: Path):
        (folder / "planted").touch()
        yield

    def test_finders(self) -> None:
        """One that finds it and nothing else, one that does not find it, one that always finds something, and one that cannot run."""
        self.assertEqual(0, self.missed_by('[ ! -e "${0%/*}/planted" ] || { echo "[  FAILED  ]"; exit 1; }'))
        self.assertEqual(1, self.missed_by("exit 0"))
        with self.assertRaisesRegex(SetError, "although no bug is planted"):
            self.missed_by('echo "[  FAILED  ]"; exit 1')
        with self.assertRaisesRegex(SetError, "ended with 3"):
            self.missed_by("exit 3")


class Shipped(unittest.TestCase):
    """Bugs and fail points are in nothing that is installed."""

    def texts_in(self, binary: Path) -> tuple[str, str]:
        with tempfile.NamedTemporaryFile() as bare:  # what a debugger reads names everything
            output("strip", "-g", "-o", bare.name, binary)
            return output("strings", "-a", bare.name), output("nm", "-C", bare.name)

    def test_the_source_has_no_word_of_it(self) -> None:
        self.assertEqual([], [str(file) for file in sorted((ROOT / "src").rglob("*.[ch]pp")) if "planted" in file.read_text().lower()])

    def test_no_fail_point(self) -> None:
        for binary, there in ((LIBRARY, False), (WORKER, True)):
            with self.subTest(binary.name):
                texts, symbols = self.texts_in(binary)
                self.assertEqual([there] * 3, ["DLOCK_KILL_AT" in texts, "before-send" in texts, "dlock::test_point(" in symbols])

    def test_no_text_of_a_patch(self) -> None:
        """Of lines of pipelines, which are long texts. The search finds what is there: what such patches take away."""
        texts, _ = self.texts_in(LIBRARY)
        source = "".join(file.read_text() for file in (ROOT / "src").rglob("*.[ch]pp"))
        added, taken = set(), set()
        for patch in patches.all_patches():
            for line in patch.path.read_text().splitlines():
                text = line[1:].rpartition('R"(')[2].partition(')"')[0].strip()
                if '"$' in text and line[0] in "+-":
                    (added if line[0] == "+" else taken).add(text)
        self.assertGreater(len(added - taken), 20)
        self.assertEqual([], [text for text in added if text in texts and text not in source])
        self.assertGreater(sum(text in texts for text in taken), 8)


class Table(unittest.TestCase):
    def test_each_run_has_its_faults_more_than_once(self) -> None:
        for bug in planted.BUGS:
            with self.subTest(bug.name):
                plan = planted.plan_for(bug, seed=1, worker=Path("worker"))
                self.assertEqual((bug.name, "worker"), (plan.planted, plan.worker))
                self.assertLessEqual(set(bug.kinds), set(KINDS))
                steps = [step.fault for step in schedule.build(1, plan.seconds, plan.faults, plan.calm)] if plan.faults else []
                for name in bug.faults:
                    self.assertGreaterEqual(steps.count(name), 2, name)

    def test_names(self) -> None:
        self.assertEqual(["lifo", "w1"], [bug.name for bug in planted.chosen("lifo,w1")])
        self.assertEqual(len(planted.BUGS), len(planted.chosen("all")))
        self.assertGreaterEqual(len(planted.chosen("quick")), 5)
        with self.assertRaises(SetError):
            planted.chosen("lifo,nonsense")
        with self.assertRaises(SetError):
            patches.named(["lifo", "nonsense"])


if __name__ == "__main__":
    unittest.main()
