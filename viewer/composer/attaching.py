"""Files for a prompt: pasted, dropped or chosen, looked at in a job, shown as chips; what cannot go along says why.

Base of Composing, on top of what is not sent yet. Nothing is ever attached that the user has not given by hand.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QImage

from store.attach import MOST, Attached, keep, look, refused
from store.errors import StoreError
from viewer.composer.unsent import Unsent

if TYPE_CHECKING:
    from store.preflight import Abilities

TITLE: Final = "Attach files to the prompt"


class Attaching(Unsent):
    """See the module."""

    unattached = ""  # why what was given last is not attached; until something else is done

    @property
    @abstractmethod
    def connected(self) -> bool: ...

    @abstractmethod
    def open(self, *, focus: bool = True) -> None: ...

    def wire_files(self) -> None:
        """Once, with the rest of the composer."""
        pane = self.pane
        pane.files.changed.connect(self.on_files_changed)
        pane.files.left.connect(pane.editor.setFocus)
        pane.attach.clicked.connect(self.on_attach)
        pane.files_given.connect(self.on_given)
        pane.image_given.connect(self.on_image)

    def abilities(self) -> Abilities | None:
        """What the agent takes that a prompt would go to; None: it says so only when it has been started."""
        if self.connected:
            return self._live.abilities(self.key)
        from store.preflight import able  # with the first look, not with the window

        told = self.pane.strip.told
        return None if told is None else able(told)

    def why_not_sent(self) -> str:
        """Why the files that are attached cannot go along; '' when they can."""
        files, able_ = self.pane.files.files, self.abilities()
        return refused(files, able_) if files and able_ is not None else ""

    def on_files_changed(self) -> None:
        self.unattached = ""
        self.soon()
        self.update()

    def on_attach(self) -> None:
        """Choose files in a dialog."""
        self.open()
        if not self.pane.opened:
            return
        from PySide6.QtWidgets import QFileDialog  # most prompts have no files

        dialog = QFileDialog(self.pane.window(), TITLE, self.header.cwd if self.header is not None else "")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(self.on_given)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def on_given(self, paths: Sequence[str]) -> None:
        """These files are to go with the prompt."""

        def work() -> tuple[list[Attached], list[str]]:
            found: list[Attached] = []
            wrong: list[str] = []
            for path in paths[: MOST + 1]:
                try:
                    found.append(look(path))
                except StoreError as error:
                    wrong.append(str(error))
            return found, wrong

        self._look(work)

    def on_image(self, image: QImage) -> None:
        """An image from the clipboard is to go with it."""

        def work() -> tuple[list[Attached], list[str]]:
            data = QByteArray()
            buffer = QBuffer(data)
            buffer.open(QIODevice.OpenModeFlag.WriteOnly)
            if not image.save(buffer, "PNG"):  # type: ignore[call-overload]
                return [], ["What the clipboard has is no image that can be sent."]
            return [keep(bytes(data.data()))], []

        self._look(work)

    def _look(self, work: Callable[[], tuple[list[Attached], list[str]]]) -> None:
        key, editing = self.key, self._editing

        def done(answer: tuple[list[Attached], list[str]]) -> None:
            found, wrong = answer
            if (key, editing) != (self.key, self._editing):
                return  # they were given to another prompt, which is out of sight by now
            if self.pane.files.add(found):
                wrong = [*wrong, f"{MOST} files may go with a prompt: the others were left out."]
            self.unattached = wrong[0] if wrong else ""
            self.update()

        def failed(error: Exception) -> None:
            if key == self.key:
                self.unattached = str(error)
                self.update()

        self._jobs.run(work, done, failed)
