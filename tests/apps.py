"""The app in a test: made as the command line makes it, and put away whole, whatever the test came to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from viewer.app import App
from viewer.options import Options


@contextmanager
def running(options: Options, *, show: bool = True) -> Iterator[App]:
    """An app with its window; `show`: on the screen already, else its test starts it."""
    before = sys.getswitchinterval()
    made = App(options)
    try:
        if show:
            made.window.show()
        yield made
    finally:
        made.window.close()
        made.shutdown()
        made.window.deleteLater()
        sys.setswitchinterval(before)
