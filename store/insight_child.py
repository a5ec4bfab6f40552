"""The process that makes figures for a window: it folds digests up to their entries, and answers what they say.

Prices and SQLAlchemy are loaded here and not in the window. Orders come on standard input, answers go out on standard
output; it ends with the former, or when nobody has asked for a while. Started by `store.insight_hand`. No Qt.
"""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

import msgspec

from store.archive_talk import lines
from store.child import step_back
from store.insight import Insights
from store.insight_talk import Told, line, order

log = logging.getLogger(__name__)

IDLE: Final = 30.0  # seconds without an order after which it ends: the next one starts another


def _listen(stdin: int, orders: SimpleQueue[bytes]) -> None:
    for one in lines(stdin):
        orders.put(one)
    orders.put(b"")


def _say(told: Told) -> None:
    with suppress(BrokenPipeError):  # whoever started us is gone: the orders end as well
        sys.stdout.buffer.write(line(told))
        sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="store.insight_child", description="Make figures for a window.")
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--idle", type=float, default=IDLE)
    options = parser.parse_args(arguments)
    step_back()
    insights = Insights(options.db)
    orders: SimpleQueue[bytes] = SimpleQueue()
    # A thread of its own, because no wait for a pipe with an end to it works on every system.
    threading.Thread(target=_listen, args=(sys.stdin.fileno(), orders), name="orders", daemon=True).start()
    while True:
        try:
            asked = orders.get(timeout=options.idle)
        except Empty:
            return 0
        if not asked:
            return 0
        try:
            wanted = order(asked)
        except msgspec.DecodeError:
            log.warning("not understood: %s", asked)
            continue
        sketch = insights.sketch(wanted)
        if sketch is not None:
            _say(sketch)
        _say(insights.answer(wanted))
        insights.finish()


if __name__ == "__main__":
    sys.exit(main())
