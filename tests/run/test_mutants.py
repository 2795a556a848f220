#!/usr/bin/python3
"""test_mutants.py BUILD-DIR: scripts/mutants.py makes the same mutants each time, changes what it says, and sees a test notice one."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from mutations import mutants_of  # noqa: E402

SOURCE = """#include <map>
namespace some {
constexpr int kMost = 10;  // of them
bool thing::has(const std::map<int, int>& all) const {
  const int one = first;
  if (one < 0 || !ready_) return false;
  count_ = one;
  return all.contains(one);
}
struct other { int number = 5; };
void thing::go() {
  if (const auto it = find(); it) run(*it);
  return tell({.what = one_ - 1});
}
}  // namespace some
"""


def mutants(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([SCRIPTS / "mutants.py", *words], capture_output=True, text=True, check=False)


class Mutants(unittest.TestCase):
    def test_what_is_changed(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "thing.cpp"
            file.write_text(SOURCE)
            made = [mutant.key() for mutant in mutants_of(file)]
        condition = "if (one < 0 || !ready_) return false;"
        last = "return tell({.what = one_ - 1});"
        self.assertEqual([("thing.cpp", "constexpr int kMost = 10;", f"constexpr int kMost = {n};") for n in (0, 11)], made[:2])
        self.assertEqual([("thing.cpp has", *words) for words in (
            (condition, "if ((one < 0 || !ready_) && false) return false;"),
            (condition, "if ((one < 0 || !ready_) || true) return false;"),
            (condition, "if (one <= 0 || !ready_) return false;"),
            (condition, "if (one >= 0 || !ready_) return false;"),
            (condition, "if (one < 1 || !ready_) return false;"),
            (condition, "if (one < 0 && !ready_) return false;"),
            (condition, "if (one < 0 || ready_) return false;"),
            (condition, "if (one < 0 || !ready_) return true;"),
            ("count_ = one;", ";"))], made[2:11])
        self.assertEqual([("thing.cpp go", *words) for words in (
            ("if (const auto it = find(); it) run(*it);", "if (const auto it = find(); (it) || true) run(*it);"),
            ("if (const auto it = find(); it) run(*it);", "if (const auto it = find(); it) ;"),
            (last, "return;"),
            (last, "return tell({.what = one_ + 1});"),
            (last, "return tell({.what = one_ - 0});"),
            (last, "return tell({.what = one_ - 2});"))], made[11:])

    def test_the_same_are_chosen_each_time(self) -> None:
        first = mutants("--list", "--sample", "50", "nowhere")
        self.assertEqual((0, "", 50), (first.returncode, first.stderr, len(first.stdout.splitlines())))
        self.assertEqual(first.stdout, mutants("--list", "--sample", "50", "nowhere").stdout)
        self.assertNotEqual(first.stdout, mutants("--list", "--sample", "50", "--seed", "2", "nowhere").stdout)

    def test_one_is_killed(self) -> None:
        listed = mutants("--list", "--only", "release_machine.cpp", "nowhere").stdout
        line = next(line for line in listed.splitlines() if line.endswith("->  in_doubt_ = in_doubt_ && in_doubt;"))
        done = mutants("--only", f"release_machine.cpp:{line.split(':')[1]}", "--jobs", "2", "--seeds", "0", BUILD)
        self.assertEqual((0, ""), (done.returncode, done.stderr), done.stdout)
        self.assertRegex(done.stdout, r"\nkilled by tests +2\n(.*\n)*2 of 2 killed: 100\.0 %, of at least 95; \d+ s\n\Z")

    def test_bad_arguments(self) -> None:
        for words in (("--only", "nothing.cpp", BUILD), ("--only", "release_machine.cpp", "nowhere")):
            with self.subTest(words):
                done = mutants(*words)
                self.assertEqual((2, ""), (done.returncode, done.stdout))
                self.assertRegex(done.stderr, r"\Amutants: .*")


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    unittest.main()
