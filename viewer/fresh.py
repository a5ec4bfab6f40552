"""Settings that another window, the command line or an editor wrote: taken over as the file changes. Made by app.

The system tells of changes; nothing looks at the file now and then. It is read off the GUI thread.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from PySide6.QtCore import QFileSystemWatcher, QObject, Signal

from store import settings as st
from store.settings import Settings
from viewer.jobs import Jobs

log = logging.getLogger(__name__)


class Fresh(QObject):
    """See the module. The folder is watched as well: whoever writes whole files puts a new one in the place."""

    trouble = Signal(str)  # one sentence: the file cannot be used as it is now; what was in force stays
    read = Signal()  # the file was looked at

    def __init__(self, settings: Settings, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings, self._jobs = settings, jobs
        self._asking = self._again = False
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(self.on_news)
        self._watcher.fileChanged.connect(self.on_news)
        folders = {settings.path.parent, settings.path.resolve().parent}
        for folder in folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                log.info("settings of other windows are seen at the next start only: %s", error)
                continue
            self._watcher.addPath(str(folder))
        self._file()

    def on_news(self) -> None:
        """Something was written there. Many news while it is being read are one."""
        self._file()
        if self._asking:
            self._again = True
            return
        self._asking, self._again = True, False
        path, writes = self._settings.path, self._settings.writes
        self._jobs.run(lambda: _read(path), lambda found: self._take(found, writes))

    def _file(self) -> None:
        """An editor may write into the file that is there; a new one in its place has to be watched anew."""
        path = str(self._settings.path)
        if path not in self._watcher.files() and Path(path).exists():
            self._watcher.addPath(path)

    def _take(self, found: tuple[dict[str, Any], str], writes: int) -> None:
        values, why = found
        self._asking = False
        if self._again or writes != self._settings.writes:  # it is older than what stands there now
            self.on_news()
            return
        if why:
            self.trouble.emit(why)
        else:
            self._settings.take(values, writes)
        self.read.emit()


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """Values, or why there are none."""
    try:
        values, _ = st.read(path)
    except OSError as error:
        return {}, f"Settings stay as they are: {path} cannot be read ({error.strerror})."
    except ValueError as error:
        return {}, f"Settings stay as they are: {path} is damaged ({error}). Mend it, or change a setting here."
    return values, ""
