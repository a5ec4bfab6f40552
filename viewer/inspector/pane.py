"""The raw record or records behind the current row: read by a job, shown as indented JSON, bounded. For window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import orjson
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QTextOption
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from viewer import wording
from viewer.jobs import Job, Jobs
from viewer.theme import icons
from viewer.theme.look import Look

SHOWN: Final = 64 * 1024  # characters on the screen; the rest goes to a file
PLAIN: Final = 512 * 1024  # of a text that is no record: it is one thing, and need not be indented
LINE: Final = 4000  # characters per line: a document lays out a line of a megabyte for seconds

Raw: TypeAlias = list[tuple[str, int, bytes]]  # file, offset, bytes


def pretty(data: bytes) -> str:
    """The record indented; as it is when it is no JSON. Never raises."""
    if len(data) <= 16 * SHOWN:  # what is shown is 64 KB: nobody needs 200 MB indented
        # A row that was streamed stands on many records: its span reaches from the first to the last.
        return "\n".join(map(_indented, data.split(b"\n")))
    return data[: 2 * SHOWN].decode("utf-8", "replace")


def _indented(line: bytes) -> str:
    try:
        return orjson.dumps(orjson.loads(line), option=orjson.OPT_INDENT_2).decode("utf-8", "replace")
    except (orjson.JSONDecodeError, TypeError, RecursionError):
        return line.decode("utf-8", "replace")


def shown(records: Raw, *, plain: bool = False) -> tuple[str, bool]:
    """(text for the screen, was something left out). `plain`: as it is, and more of it. On a worker."""
    parts: list[str] = []
    room, cut = PLAIN if plain else SHOWN, False
    for file, offset, data in records:
        if room <= 0:
            cut = True
            break
        name = wording.name_of(file)
        parts.append(f"// {name}  bytes {offset:,}–{offset + len(data):,}  ({wording.size(len(data))})")
        text = data[: 4 * room].decode("utf-8", "replace") if plain else pretty(data)
        cut = cut or len(text) > room or len(data) > (4 * room if plain else 16 * SHOWN)
        text = text[:room]
        room -= len(text)
        for line in text.split("\n"):
            cut = cut or len(line) > LINE
            # NUL ends a clipboard text early, and breaks nothing when it is visible.
            parts.append((line if len(line) <= LINE else line[:LINE] + " …").replace("\0", "␀"))
        parts.append("")
    return "\n".join(parts), cut


class InspectorPane(QWidget):
    """See the module. One read at a time: a newer row makes the older answer stay away."""

    def __init__(self, jobs: Jobs, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._job: Job | None = None
        self._records: Raw = []
        self._plain = False  # it is a file's text, no records
        self.heading = QLabel("Raw record", self)
        self.note = QLabel(self)
        self.note.setWordWrap(True)
        for label in (self.heading, self.note):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.copy_button = QToolButton(self)
        self.save_button = QToolButton(self)
        self.close_button = QToolButton(self)
        for button, name in (
            (self.copy_button, "Copy the raw record"),
            (self.save_button, "Save the raw record as…"),
            (self.close_button, "Close the inspector"),
        ):
            button.setAccessibleName(name)
            button.setToolTip(name)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Raw record")
        self.text.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.text.setUndoRedoEnabled(False)
        self._top = QHBoxLayout()
        self._top.addWidget(self.heading, 1)
        for button in (self.copy_button, self.save_button, self.close_button):
            self._top.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._top)
        layout.addWidget(self.note)
        layout.addWidget(self.text, 1)
        self.copy_button.clicked.connect(self.on_copy)
        self.save_button.clicked.connect(self.on_save)
        self.set_look(look)
        self.clear()

    def clear(self, why: str = "Choose a row to see the record behind it.") -> None:
        """Show nothing, and say why."""
        self._show("Raw record", "", why, [])

    def load(self, read: Callable[[], Raw], title: str, *, plain: bool = False) -> None:
        """Read the records of a row, or another file's text (`plain`), on a worker and show them."""
        if self._job is not None:
            self._job.cancel()

        def work() -> tuple[Raw, str, bool]:
            records = read()
            return (records, *shown(records, plain=plain))

        def done(answer: tuple[Raw, str, bool]) -> None:
            records, text, cut = answer
            note = "Too long to show whole: save it to see the rest." if cut else ""
            self._show(title, text, note if records else "This row has no record in a file.", records)
            self._plain = plain

        def failed(error: Exception) -> None:
            self._show(title, "", str(error) if plain else f"The record cannot be read: {error}", [])

        self._job = self._jobs.run(work, done, failed)

    def _show(self, title: str, text: str, note: str, records: Raw) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._records = records
        self.heading.setText(title)
        self.text.setPlainText(text)
        self.note.setText(note)
        self.note.setVisible(bool(note))
        for button in (self.copy_button, self.save_button):
            button.setEnabled(bool(records))

    def on_copy(self) -> None:
        """The bytes of the records as they are, one per line."""
        whole = b"\n".join(data for _, _, data in self._records)
        QGuiApplication.clipboard().setText(whole.decode("utf-8", "replace").replace("\0", "␀"))

    def on_save(self) -> None:
        what, suggested, kinds = "the raw record", "record.jsonl", "JSON lines (*.jsonl);;All files (*)"
        if self._plain:
            what, suggested, kinds = "the output", wording.name_of(self._records[0][0]), "All files (*)"
        name, _ = QFileDialog.getSaveFileName(self, f"Save {what}", suggested, kinds)
        if name:
            self.save(Path(name))

    def save(self, path: Path) -> None:
        """Write the records' bytes; says so in place when the disk refuses."""
        try:
            end = b"" if self._plain else b"\n"
            path.write_bytes(b"".join(data + end for _, _, data in self._records))
        except OSError as error:
            self.note.setText(f"{path} cannot be written: {error.strerror}.")
        else:
            self.note.setText(f"Saved as {path}.")
        self.note.show()

    def set_look(self, look: Look) -> None:
        self._top.setContentsMargins(look.px(12), look.px(6), look.px(8), look.px(4))
        self._top.setSpacing(look.px(2))
        self.heading.setFont(look.font("ui.bold"))
        self.note.setContentsMargins(look.px(12), 0, look.px(12), look.px(8))
        self.note.setStyleSheet(f"color: {look.colour('text.muted').name()}")
        self.note.setFont(look.font("meta"))  # a first style sheet takes away the font that was set before it
        background, text = look.colour("surface.panel").name(), look.colour("text.main").name()
        self.text.setStyleSheet(f"QPlainTextEdit {{ background: {background}; color: {text}; border: 0; }}")
        self.text.setFont(look.font("mono"))
        self.text.document().setDocumentMargin(look.px(12))
        for button, name in ((self.copy_button, "copy"), (self.save_button, "file-text"), (self.close_button, "x")):
            button.setIcon(icons.icon(name, look))
            button.setIconSize(QSize(look.px(16), look.px(16)))
