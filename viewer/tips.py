"""A tip shows what it is given. Of itself Qt takes a text with a tag in it for markup, and loads what that names."""

from __future__ import annotations

from PySide6.QtGui import Qt


def plain(text: str) -> str:
    """`text` for a tooltip, to the letter: titles, paths and names come from agents and from senders of webhooks."""
    return Qt.convertFromPlainText(text) if Qt.mightBeRichText(text) else text
