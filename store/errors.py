"""Errors that a user can act on. Anything else is our own fault and goes to the log with its traceback."""

from __future__ import annotations


class StoreError(Exception):
    """The world's fault. The text is one sentence for the user and says what to do."""


class LaterError(StoreError):
    """What was asked for is on its way, and whoever asked is told when it is here."""


def sentence(error: OSError, path: object) -> str:
    """One plain sentence for an error of the file system."""
    match error:
        case FileNotFoundError():
            return f"{path} does not exist (any more)."
        case PermissionError():
            return f"{path} cannot be read: permission denied. Check its owner and mode."
        case IsADirectoryError():
            return f"{path} is a folder, not a session file."
        case _:
            return f"{path} cannot be read: {error.strerror or error}."
