"""Where errors of ours go: a rotating log in the state folder, and the window. Installed once, by app."""

from __future__ import annotations

import faulthandler
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler
from typing_extensions import override

log = logging.getLogger("playhead")
BYTES: Final = 1 << 20
OLDER: Final = 3  # files kept besides the newest
LEVELS: Final = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class Rotating(logging.FileHandler):
    """A file that moves to `.1`, `.2`, … when it is full. The library's own brings sockets into each start."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        try:
            stream = self.stream
            if stream is not None and stream.tell() > BYTES:
                stream.close()
                self.stream = None  # the next record opens it again
                self._move()
        except (OSError, ValueError):
            self.handleError(record)

    def _move(self) -> None:
        path = Path(self.baseFilename)
        for number in range(OLDER, 0, -1):
            source = path if number == 1 else Path(f"{path}.{number - 1}")
            if source.exists():
                source.replace(f"{path}.{number}")


def install(folder: Path, told: Callable[[BaseException], None]) -> Callable[[], None]:
    """Log to `folder`, hear every exception nobody caught, on whatever thread. Returns what undoes it.

    Without a folder that can be written the log goes to stderr: a program that cannot log must still start.
    """
    root = logging.getLogger()
    handler: logging.Handler
    crashes = None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what went wrong may have been somebody's text
        handler = Rotating(folder / "playhead.log", encoding="utf-8")
        crashes = (folder / "crash.log").open("a", encoding="utf-8")
        faulthandler.enable(crashes)
    except OSError:
        handler = logging.StreamHandler()
        faulthandler.enable()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    level_before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)

    def raised(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.error("not caught", exc_info=(kind, error, trace))
        told(error)

    def raised_on_worker(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            raised(args.exc_type, args.exc_value, args.exc_traceback)

    def from_qt(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        logging.getLogger("qt").log(LEVELS.get(kind, logging.INFO), "%s", text)

    before = sys.excepthook, threading.excepthook
    sys.excepthook, threading.excepthook = raised, raised_on_worker
    qt_before = qInstallMessageHandler(from_qt)

    def undo() -> None:
        sys.excepthook, threading.excepthook = before
        qInstallMessageHandler(qt_before)
        root.removeHandler(handler)
        root.setLevel(level_before)
        handler.close()
        if crashes is not None:
            faulthandler.disable()
            crashes.close()

    return undo
