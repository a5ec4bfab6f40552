"""Pictures of the real window, without a display: `playhead --screenshot`, and every state for the docs with --all."""

from __future__ import annotations

import faulthandler
import sys
import time
from pathlib import Path
from typing import Final

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtGui import QCursor, QImage
from PySide6.QtWidgets import QWidget

from viewer.app import App, picture_folder
from viewer.options import Options

STUCK: Final = 120.0  # seconds after which a picture will never be: then it is said where everything waits
PATIENCE: Final = 30.0  # seconds until the picture is taken of what is there
QUIET: Final = 3  # looks in a row, 30 ms apart, that find nothing pending


def take(options: Options, *, shown: bool = True) -> int:
    """Render the window with what the options ask for, save it, say where. Returns the exit code."""
    target = Path(options.screenshot) if options.screenshot else picture_folder() / "playhead.png"
    if not shown and not options.screenshot:
        print(f"No display: playing {_what(options)} offscreen, picture in {target}")  # noqa: T201  the one line asked for
    if not (options.paths or options.command or options.stdin):
        options = _with_demo(options)
    if sys.__stderr__ is not None:  # nobody sits in front of it who could end it
        faulthandler.dump_traceback_later(STUCK, exit=True, file=sys.__stderr__)
    app = App(options)
    QCursor.setPos(-100, -100)  # nothing is hovered in a picture
    app.window.restore(None)
    app.window.resize(*options.size)
    app.window.show()
    if enlarged := larger(app.window, options.size):
        sys.stderr.write(f"playhead: {enlarged}\n")
    app.open_asked(restored=False, speed=0)
    streams = bool(options.command or options.stdin or options.demo)
    try:
        if streams and app.window.desk.current is None:  # it could not be started
            sys.stderr.write(f"playhead: {app.window.notice.text.text()}\n")
            return 2
        app.live.discover(app._roots())
        settled = wait_until_loaded(app, ended=streams)
        if not save(app.window, target):
            sys.stderr.write(f"playhead: {target} cannot be written\n")
            return 2
        if not settled:
            sys.stderr.write(f"playhead: still reading after {PATIENCE:.0f} s; the picture shows what was there\n")
        if shown or options.screenshot:
            print(target)  # noqa: T201  where the picture is
        if trouble := _unreadable(app, options):
            sys.stderr.write(f"playhead: {trouble}\n")
            return 2
    finally:
        app.window.close()
        app.shutdown()
        faulthandler.cancel_dump_traceback_later()
    return 0


def larger(window: QWidget, asked: tuple[int, int]) -> str:
    """The sentence that says that a window is not as small as it was asked to be; '' when it is."""
    wide, high = window.width(), window.height()
    if wide <= asked[0] and high <= asked[1]:
        return ""
    return f"the window cannot be as small as {asked[0]}x{asked[1]}: the picture has {wide}x{high}"


def _unreadable(app: App, options: Options) -> str:
    """Why nothing of the session that was asked for could be read; '' when it was."""
    current = app.window.desk.current
    if not options.paths or current is None or current.header is None or current.model.length:
        return ""
    return current.header.trouble if current.header.state == "failed" else ""


def _what(options: Options) -> str:
    if options.paths:
        return options.paths[0]
    return options.command[0] if options.command else "standard input" if options.stdin else "the demo"


def _with_demo(options: Options) -> Options:
    return Options(demo=True, screenshot=options.screenshot, size=options.size, theme=options.theme, safe=options.safe)


def wait_until_loaded(app: App, *, ended: bool = False, patience: float = PATIENCE) -> bool:
    """Run the event loop until the session in the timeline is read and painted. `ended`: until its stream is over."""
    over: list[str] = []

    def finished(key: str, outcome: object) -> None:
        if hasattr(outcome, "how"):
            over.append(key)

    app.live.finished.connect(finished)
    deadline = time.monotonic() + patience
    quiet = 0
    while time.monotonic() < deadline and quiet < QUIET:
        turn(30)
        current = app.window.desk.current
        head = current.header if current is not None else None
        ready = not app.undecided if current is None else False
        if head is not None:
            ready = head.state != "opening" or bool(head.trouble)
        # A short stream may have ended before anybody listened.
        done = head is not None and head.state in ("ended", "failed")
        if ended and current is not None and current.key not in over and not done:
            ready = False
        busy = app.live.hub.pending or app.live.armed or app.window.desk.telling
        quiet = quiet + 1 if ready and not busy else 0
    app.live.finished.disconnect(finished)
    return quiet >= QUIET


def turn(milliseconds: int) -> None:
    """Let the event loop run."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def save(widget: QWidget, target: Path) -> bool:
    """Grab a widget as it is painted now. Opaque and packed well: pictures lie in repositories and mails."""
    quality = 0 if target.suffix.casefold() == ".png" else -1  # of PNG: how hard to pack, nothing is lost
    return widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888).save(str(target), None, quality)


def main(arguments: list[str]) -> int:
    """`python -m viewer.screenshot --all DIR [STATE…]`."""
    if len(arguments) < 2 or arguments[0] != "--all":
        sys.stderr.write("usage: python -m viewer.screenshot --all DIR [STATE...]\n")
        return 2
    import os

    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from viewer.gallery import every_state

    return every_state(Path(arguments[1]), frozenset(arguments[2:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
