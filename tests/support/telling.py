"""Results of unittest that ask a test what it knows as soon as it fails, when all is still there:

    unittest.main(testRunner=unittest.TextTestRunner(resultclass=telling.Result))

The test has a method account(), which returns a text.
"""

from __future__ import annotations

import unittest
from typing import Any


class Asking(unittest.TestResult):
    """Calls failed() with each test that fails."""

    def failed(self, test: Any) -> None:
        raise NotImplementedError

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self.failed(test)

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self.failed(test)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.failed(test)


class Result(Asking, unittest.TextTestResult):
    def failed(self, test: Any) -> None:
        if hasattr(test, "account"):
            self.stream.writeln(f"\n{test.id()} failed. {test.account()}")
