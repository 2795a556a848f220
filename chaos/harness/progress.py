"""What a person who waits is told: on standard error, so that standard output has the result alone."""

import sys


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
