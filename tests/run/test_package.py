#!/usr/bin/python3
"""scripts/package.py: which version packages get. What it makes, ./run package itself tries."""

import sys
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "scripts"))
import package  # noqa: E402
from portability import Failure  # noqa: E402


class Version(unittest.TestCase):
    def test_a_tag_gives_it(self) -> None:
        self.assertEqual("0.3.1", package.version("0.3.1", "v0.3.1", "202612010930", "abc123"))

    def test_a_tag_that_is_not_the_projects_version_is_refused(self) -> None:
        with self.assertRaisesRegex(Failure, "the tag v0.4.0 and the version 0.3.1 of CMakeLists.txt differ"):
            package.version("0.3.1", "v0.4.0", "202612010930", "abc123")

    def test_without_a_tag_it_is_before_the_release(self) -> None:
        self.assertEqual("0.3.1~202612010930.abc123", package.version("0.3.1", "", "202612010930", "abc123"))
        self.assertEqual("0.3.1~local", package.version("0.3.1", "", "", ""))

    def test_the_projects_version(self) -> None:
        self.assertRegex(package.project_version((PROJECT / "CMakeLists.txt").read_text()), r"\A\d+\.\d+\.\d+\Z")
        with self.assertRaisesRegex(Failure, "names no version"):
            package.project_version("project(dlock)")


if __name__ == "__main__":
    unittest.main()
