"""Imports as Python makes them, without the hook that PySide6 sets before each. For cli, before the window is loaded.

With it PySide6 reads the source of every module that is imported from then on, and keeps it, to learn whether that
module may want names in snake_case (`from __feature__ import …`). Ours want none: a sixth of what a window imports in
time, and six megabytes.
"""

from __future__ import annotations

import builtins


def plain() -> None:
    """Loads QtCore and takes the hook out again; where there is none, nothing is changed."""
    import PySide6.QtCore  # noqa: F401 - sets it

    python = getattr(builtins, "__orig_import__", None)  # where it keeps what was there before
    if python is not None:
        builtins.__import__ = python
