"""Ends a worker of the tests' cluster as it opens a file of a certain name, as decoders do with some broken files."""

import os
import sys


def _end(event: str, details: tuple) -> None:
    if event == "open" and isinstance(details[0], str) and "fatal-image" in details[0]:
        os.abort()


sys.addaudithook(_end)
