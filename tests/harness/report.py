"""Counts checks and says the result in the one line that the test runner reads: `N passed, M failed`."""

import sys
import traceback


class Report:
    """Use `check` for each fact, `run` for each test function, and end with `sys.exit(report.finish())`."""

    def __init__(self, shown_max=10):
        self.passed = 0
        self.failed = 0
        self.shown_max = shown_max

    def check(self, holds, what):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            if self.failed <= self.shown_max:
                print(f"FAILED: {what}", flush=True)
        return bool(holds)

    def equal(self, found, expected, what):
        return self.check(found == expected, f"{what}: found {found!r:.400}, expected {expected!r:.400}")

    def run(self, test, *arguments):
        """Runs a test function; an exception is one failure."""
        try:
            test(*arguments)
        except Exception:  # a broken test must be counted, whatever broke it
            traceback.print_exc(file=sys.stdout)
            self.check(False, f"{test.__name__} raised")

    def finish(self):
        """Prints the counts; 1 where something failed or nothing ran at all, else 0."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0
