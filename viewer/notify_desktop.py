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
        self._lock = threading.Lock()
        self._waiting: dict[str, subprocess.Popen[bytes]] = {}  # by session: the newest notification that is up
        self._closed = False

    def close(self) -> None:
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, {}
        for process in waiting.values():
            process.terminate()

    def show(self, session: str, title: str, text: str, clicked: Callable[[str], None]) -> None:
        # Text of an agent: no option, and no markup, which the first line never has and the others may.
        words = ["--app-name=Playhead", "--icon=playhead", "--", title, html.escape(text)]
        threading.Thread(target=self._show, args=(session, words, clicked), name="notification", daemon=True).start()

    def _show(self, session: str, words: list[str], clicked: Callable[[str], None]) -> None:
        try:
            if not self._old:
                code, said = self._run(session, "--action=default=Show", *words)
                if code == 0 or code < 0:  # told, or ended by us
                    if said.strip() == b"default":
                        clicked(session)
                    return
                self._old = True
            self._run(session, *words)
        except (OSError, subprocess.SubprocessError) as error:
            log.info("a notification was not shown: %s", error)
        except RuntimeError:  # clicked when the window was gone
            return

    def _run(self, session: str, *words: str) -> tuple[int, bytes]:
        """Its exit code, and what it said. It waits for the click: an older one of that session is taken down."""
        with self._lock:
            if self._closed:
                return 0, b""
            process = subprocess.Popen(
                [self._program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            older, self._waiting[session] = self._waiting.get(session), process
        if older is not None:
            older.terminate()
        try:
            said, _ = process.communicate()
        finally:
            with self._lock:
                if self._waiting.get(session) is process:
                    del self._waiting[session]
        return process.returncode, said


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

    def close(self) -> None:
        if self._icon is not None:
            self._icon.hide()
