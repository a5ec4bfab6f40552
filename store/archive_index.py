"""The process that makes imported rows searchable after `playhead import` has ended, then folds their figures.

Killed, the next one goes on.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from store import figures
from store.child import step_back
from store.db.search import catch_up, mark_up
from store.errors import StoreError


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="store.archive_index", description="Index what is not indexed yet.")
    parser.add_argument("--db", type=Path, required=True)
    options = parser.parse_args(arguments)
    step_back()
    code = 0
    for what, bring_up in (
        ("the search index is", catch_up),
        ("figures are", figures.catch_up),
        ("marks are", mark_up),
    ):
        try:
            bring_up(options.db)
        except StoreError as error:
            logging.getLogger(__name__).warning("%s behind: %s", what, error)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
