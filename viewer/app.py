"""The one place where the window's objects are made and wired. `run` is called by cli; App by screenshot and tests."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QObject, QSettings, QSocketNotifier, QTimer, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from resources import path as resource
from store import settings as st
from store.delta import SessionsDelta
from store.errors import StoreError
from store.live import Live
from store.paths import config_dir, data_dir, holds_sessions, is_session, state_dir
from store.settings import Settings
from viewer import endings, garbage, logs, theme
from viewer.jobs import Jobs
from viewer.keeping import Keeping
from viewer.options import Options
from viewer.place import Places
from viewer.window import MainWindow

if TYPE_CHECKING:
    from store.word import Ear
    from viewer.serving_window import Serving

DESKTOP: Final = "io.github.playhead.Playhead"
AFTER: Final = 60  # ms after the first session came: its paint needs the interpreter for itself
LATEST: Final = 1_000  # ms after which nobody waits for it any more


def prices_trouble() -> str:
    """On a worker: what is wrong with the user's own prices; '' when nothing is."""
    from store.prices_own import look

    return look().error


def has_display() -> bool:
    """Whether a window can be shown. Qt aborts the process when it is asked for one in vain."""
    if os.environ.get("QT_QPA_PLATFORM") or not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def run(options: Options) -> int:
    """Open the window, or write a picture of it; returns the exit code."""
    shown = has_display()
    if options.acp and not shown:
        raise StoreError("An ACP agent is prompted from the window, and there is no display to show one.")
    if not shown or options.screenshot:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        from viewer import screenshot

        return screenshot.take(options, shown=shown)
    app = App(options)
    app.start()
    return app.execute()


class App(QObject):
    """All of it, wired: settings, look, store, window. One per process."""

    broke = Signal(object)  # an exception nobody caught; any thread may emit it

    def __init__(self, options: Options) -> None:
        # A paint takes the GIL back a few times: with Python's 5 ms each it would miss its frame.
        sys.setswitchinterval(0.0005)
        existing = QCoreApplication.instance()
        self.qt = existing if isinstance(existing, QApplication) else theme.application("playhead")
        super().__init__()
        self.options = options
        self.qt.setApplicationName("Playhead")
        self.qt.setDesktopFileName(DESKTOP)
        self._uninstall = logs.install(state_dir() / "logs", self.broke.emit)
        self._ended = False
        safe = options.safe
        self.settings = Settings(config_dir() / ("settings.safe-mode.toml" if safe else "settings.toml"))
        self.places = Places(None if safe else state_dir() / "places.json")
        kept = None if safe else QSettings(str(state_dir() / "window.ini"), QSettings.Format.IniFormat)
        self.kept: QSettings | None = kept
        self.live = Live(self)
        self._untame = garbage.tame(self.live)
        self._read_ahead()
        self.look = self._make_look()
        theme.apply(self.qt, self.look)
        self.jobs = Jobs(self)
        self.window = MainWindow(self.live, self.settings, self.places, self.jobs, self.look, state_dir() / "logs")
        self.keeping: Keeping | None = None
        self.serving: Serving | None = None
        self.ear: Ear | None = None
        if not safe:  # there nothing is remembered
            self.keeping = Keeping(self.live, self._roots, lambda: self.settings[st.KEEP], self)
            self.window.keep(self.keeping)
        self._rest = QTimer(self)  # until the list is looked for
        self._rest.setSingleShot(True)
        self.undecided = False  # no session was asked for: the list says which one to show
        self.broke.connect(self.window.on_error)
        self.settings.watch(self.on_setting)
        self.qt.styleHints().colorSchemeChanged.connect(self.on_scheme)
        self.qt.screenAdded.connect(self.on_screen)
        self.window.closing.connect(self.shutdown)
        self.live.sessions.connect(self.on_sessions)

    # ---- start

    def start(self, *, restore: bool = True) -> None:
        """Show the window with what was asked for. The list of sessions is looked for afterwards."""
        restored = restore and self.settings[st.RESTORE]
        self.window.restore(self.kept if restored else None)
        if tuple(self.options.size) != Options().size:
            self.window.resize(*self.options.size)
        self.open_asked(restored=restored)  # first: what was read ahead is in the first paint
        self.window.show()
        self._rest.timeout.connect(self.on_shown)
        self._rest.start(0 if self.undecided else LATEST)
        if not self.undecided:
            self.live.changed.connect(self.on_first)

    def on_first(self) -> None:
        """The session that was asked for is there, and painted next."""
        self.live.changed.disconnect(self.on_first)
        if self._rest.isActive():
            self._rest.start(AFTER)

    def on_shown(self) -> None:
        """What a window that was just shown can do without."""
        if self._ended:
            return
        self.live.discover(self._roots())
        from viewer.fresh import Fresh

        self.fresh = Fresh(self.settings, self.jobs, self)
        self.fresh.trouble.connect(lambda why: self.window.notice.say("settings", why))
        self.qt.setWindowIcon(QIcon(str(resource("app/playhead.svg"))))
        self.jobs.run(prices_trouble, self.on_prices)
        if self.kept is not None and self.settings[st.RESTORE]:
            asked = self.options  # who asked for something wants to see that
            self.window.restore_panel(self.kept, show=not (asked.paths or asked.command or asked.demo or asked.stdin))
        self.hear()
        if not self.options.safe:
            self._serve()

    def hear(self) -> None:
        """Of what other Playheads do, as it happens."""
        from viewer.hearing import Hearing

        self.ear = self.live.ear()
        self.hearing = Hearing(self.ear, self.jobs, self)
        for news in (self.hearing.runs, self.hearing.triggers):
            news.connect(self.window.panel_news)
        self.hearing.sessions.connect(self.window.on_sessions_told)
        self.hearing.listens.connect(self.window.on_sessions_told)  # of what was done before that

    def on_prices(self, trouble: str) -> None:
        """What is wrong with the user's own prices: without them costs are others than they think."""
        if trouble and not self._ended:
            self.window.notice.say("prices", trouble)

    def _serve(self) -> None:
        """Triggers run while a window is open; where there are none, nothing is made for them."""
        from viewer.serving_window import Serving

        serving = self.serving = Serving(data_dir() / "playhead.db", self.settings.path, self, self.ear)
        self.settings.watch(serving.on_setting)
        serving.trouble.connect(lambda why: self.window.notice.say("triggers", why))
        serving.news.connect(self.window.panel_news)
        serving.ended.connect(self.window.on_fired)
        self.hearing.triggers.connect(serving.on_triggers)
        self.window.service = serving

    def _read_ahead(self) -> None:
        """Let the session that will be shown be read while the window is made; `open_asked` then finds it open."""
        paths = self.options.paths
        if paths and is_session(paths[-1]):
            self.live.open(str(Path(paths[-1]).absolute()))

    def open_asked(self, *, restored: bool = True, speed: float = 1.0) -> None:
        """What the command line asks for, else the last session, else what the list will say."""
        asked, window = self.options, self.window
        for path in asked.paths:
            window.open_path(str(Path(path).absolute()), follow=asked.follow)
        if asked.command:
            window.start(lambda: self.live.run(asked.command, str(Path.cwd()), asked.title))
        if asked.acp:
            window.start(lambda: self.live.acp(asked.acp, asked.cwd, asked.load, files=asked.files))
        if asked.stdin:
            window.start(self.live.stdin)
        if asked.demo:
            window.start(lambda: self.live.demo(speed))
        if window.desk.current is not None or (asked.paths and not self._folders()):
            return
        wanted = self.kept is not None and restored and not asked.paths
        last = str(self.kept.value("window/session") or "") if self.kept is not None and wanted else ""
        if last and is_session(last):
            window.open_path(last, follow=asked.follow)
        else:
            self.undecided = True

    def _folders(self) -> list[str]:
        """Those that the command line asks for."""
        return [str(Path(path).absolute()) for path in self.options.paths if holds_sessions(path)]

    def _roots(self) -> list[str]:
        return [*self.settings[st.ROOTS], *self._folders()]

    def on_sessions(self, delta: SessionsDelta) -> None:
        """No session was asked for: the newest of the folders that were, or of all, once they are all known.

        Where there is none at all, the demo.
        """
        if not self.undecided or delta.total is None:
            return
        self.undecided = False
        if self.window.desk.current is not None:
            return
        rows = list(self.window.sessions.sessions.sessions()) + list(delta.put)
        if folders := tuple(f"{folder}{os.sep}" for folder in self._folders()):
            rows = [row for row in rows if row.path.startswith(folders)]
        if not rows:
            if not folders:
                self.window.start(self.live.demo)
            return
        newest = max(rows, key=lambda row: (row.updated or 0, row.id))
        panel = self.window.panel_shown  # it was restored: the session is behind it
        self.window.open_path(newest.path or newest.id)
        if panel:
            self.window.show_panel()

    # ---- looks

    def _make_look(self) -> theme.Look:
        wanted = self.options.theme or self.settings[st.THEME]
        scheme: theme.Scheme = "dark" if wanted == "dark" else "light"
        if wanted == "system":
            scheme = theme.system_scheme(self.qt)
        return theme.make_look(scheme, self.settings[st.ZOOM], self.settings[st.ROW_LINES])

    def on_setting(self, setting: st.AnySetting) -> None:
        if setting.name in (st.THEME.name, st.ZOOM.name, st.ROW_LINES.name):
            self.dress()
        elif setting is st.KEEP and self.keeping is not None:
            if self.settings[st.KEEP]:
                self.keeping.soon()
            else:
                self.keeping.end()

    def on_scheme(self) -> None:
        if not self.options.theme and self.settings[st.THEME] == "system":
            self.dress()

    def on_screen(self) -> None:
        """It may be sharper than the ones that the icons were drawn for."""
        self.dress()

    def dress(self) -> None:
        """Another theme or zoom, everywhere."""
        self.look = self._make_look()
        theme.apply(self.qt, self.look)
        self.window.set_look(self.look)

    # ---- end

    def execute(self) -> int:
        """Until the window is closed or a signal comes."""
        restore_signals = self._listen()
        try:
            return self.qt.exec()
        finally:
            restore_signals()
            self.shutdown()

    def shutdown(self) -> None:
        """Save, end what we started, stop. Once."""
        if self._ended:
            return
        self._ended = True
        self.window.remember(self.kept)
        if self.keeping is not None:
            self.keeping.end()
        if self.serving is not None:
            self.serving.shutdown()
        if self.ear is not None:
            self.ear.close()
        self.jobs.shutdown()
        self.live.shutdown()
        self._uninstall()
        self._untame()
        self.qt.quit()

    def _listen(self) -> Callable[[], None]:
        """Some signals end the program like its menu does, without asking. No timer polls for them."""
        ours, theirs, close = _wire()
        before_fd = signal.set_wakeup_fd(theirs)
        before = {number: signal.signal(number, _noted) for number in endings.signals()}
        notifier = QSocketNotifier(ours, QSocketNotifier.Type.Read, self)
        notifier.activated.connect(self.shutdown)

        def restore() -> None:
            notifier.setEnabled(False)
            signal.set_wakeup_fd(before_fd)
            for number, handler in before.items():
                signal.signal(number, handler)
            close()

        return restore


def _wire() -> tuple[int, int, Callable[[], None]]:
    """Where to wait, where a signal writes, and what closes both."""
    if sys.platform == "win32":  # there only a socket will do; elsewhere a start has no use for that import
        import socket

        pair = socket.socketpair()
        for end in pair:
            end.setblocking(False)

        def close() -> None:
            for end in pair:
                end.close()

        return pair[0].fileno(), pair[1].fileno(), close

    ends = os.pipe()
    for number in ends:
        os.set_blocking(number, False)

    def close_ends() -> None:
        for number in ends:
            os.close(number)

    return *ends, close_ends


def _noted(number: int, frame: FrameType | None) -> None:
    """The byte that wakes the notifier does the work, on the event loop."""


def picture_folder() -> Path:
    """Where a picture goes that nobody named a place for: here, or our data folder when this one cannot be written."""
    here = Path.cwd()
    if os.access(here, os.W_OK):
        return here
    folder = data_dir()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
