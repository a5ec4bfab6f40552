"""How this desktop shows a notification: by notify-send of Linux, else by a sign in the tray. For notify."""

from __future__ import annotations

import html
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QSystemTrayIcon
from typing_extensions import override

from viewer.notify import Backend

log = logging.getLogger(__name__)


def desktop(parent: QObject) -> Backend | None:
    """What this desktop has; None: there is none, or it takes no notifications."""
    if QGuiApplication.platformName() in ("offscreen", "minimal", "vnc"):
        return None
    if sys.platform.startswith("linux") and os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        program = shutil.which("notify-send")
        if program is not None:
            return Sender(program)
    return Tray(parent) if QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages() else None


class Sender:
    """notify-send of libnotify: it waits for the click on a thread of its own. An old one tells, and is not clicked."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._old = False

    def show(self, session: str, title: str, text: str, clicked: Callable[[str], None]) -> None:
        # Text of an agent: no markup, and no option.
        words = ["--app-name=Playhead", "--icon=playhead", "--", html.escape(title), html.escape(text)]
        threading.Thread(target=self._show, args=(session, words, clicked), name="notification", daemon=True).start()

    def _show(self, session: str, words: list[str], clicked: Callable[[str], None]) -> None:
        try:
            if not self._old:
                done = self._run("--action=default=Show", *words)
                if done.returncode == 0:
                    if done.stdout.strip() == b"default":
                        clicked(session)
                    return
                self._old = True
            self._run(*words)
        except (OSError, subprocess.SubprocessError) as error:
            log.info("a notification was not shown: %s", error)
        except RuntimeError:  # clicked when the window was gone
            return

    def _run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [self._program, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=3600, check=False
        )


class Tray(QObject):
    """A sign in the tray that is there while a notification is."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._session = ""
        self._clicked: Callable[[str], None] = lambda _: None
        self._icon: QSystemTrayIcon | None = None

    def show(self, session: str, title: str, text: str, clicked: Callable[[str], None]) -> None:
        if self._icon is None:
            self._icon = QSystemTrayIcon(QGuiApplication.windowIcon(), self)
            self._icon.setToolTip("Playhead")
            self._icon.messageClicked.connect(self._on_click)
            self._icon.activated.connect(lambda _: self._on_click())
        self._session, self._clicked = session, clicked
        self._icon.show()
        self._icon.showMessage(title, text)

    def _on_click(self) -> None:
        if self._icon is not None:
            self._icon.hide()
        self._clicked(self._session)

    @override
    def deleteLater(self) -> None:
        if self._icon is not None:
            self._icon.hide()
        super().deleteLater()
