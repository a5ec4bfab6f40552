"""What every test of the window gets: an application, whichever test comes first."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication
from timeline_kit import look, slate

__all__ = ["look", "slate"]  # fixtures


@pytest.fixture(autouse=True, scope="session")
def application(qapp: QApplication) -> QApplication:
    """Models too need one: without it Qt aborts the process at the first pixmap or font."""
    return qapp
