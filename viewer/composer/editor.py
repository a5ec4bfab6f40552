"""Where a prompt is typed: plain text that grows to eight lines. Ctrl+Enter sends, Enter is a new line, Esc leaves."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QImage, QKeyEvent, QResizeEvent, QTextOption
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSizePolicy, QWidget
from typing_extensions import override

from viewer.drop import local_files
from viewer.theme.look import Look

LINES: Final = 8


class PromptEdit(QPlainTextEdit):
    """See the module. It sends and leaves by signals only. Files and images are given on, never put in as text."""

    files_given = Signal(object)  # paths
    image_given = Signal(object)  # QImage
    sent = Signal()
    left = Signal()
    upwards = Signal()  # the cursor wants out of the first line

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.setAccessibleName("Prompt")
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("field", True)
        self.setProperty("quiet", True)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().documentLayout().documentSizeChanged.connect(self._grow)
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self._look = look
        self.setFont(look.font("prose"))
        self.document().setDocumentMargin(look.px(2))
        self._grow()

    def _grow(self) -> None:
        high = self.sizeHint().height()
        if high != self.height():
            self.setFixedHeight(high)
        room = self.document().size().height() > LINES
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if room else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)

    def line_height(self, lines: int = 1) -> int:
        """How high it is with so many lines."""
        around = self._look.px(4) + round(self.document().documentMargin()) + 2
        return lines * self.fontMetrics().lineSpacing() + 2 * around

    @override
    def sizeHint(self) -> QSize:
        # A plain text document tells its height in lines.
        lines = min(LINES, max(1, round(self.document().size().height())))
        return QSize(self._look.px(200), self.line_height(lines))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(self._look.px(80), self.sizeHint().height())

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._grow()  # the document tells of words that come and go, and nothing of those that wrap anew

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        control = bool(event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.MetaModifier))
        if enter and control:
            self.sent.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif event.key() == Qt.Key.Key_Up and not event.modifiers() and self.textCursor().atStart():
            self.upwards.emit()
        else:
            super().keyPressEvent(event)

    @override
    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasText() or source.hasImage() or bool(local_files(source))

    @override
    def insertFromMimeData(self, source: QMimeData) -> None:
        """Files and images go with the prompt; of all else the text goes in, if a prompt can have it."""
        if paths := local_files(source):
            self.files_given.emit(paths)
        elif source.hasText() and source.text().strip():  # a spreadsheet's cells have a picture of themselves, too
            self.insertPlainText(source.text().replace("\0", ""))
        elif source.hasImage():
            image = source.imageData()
            if isinstance(image, QImage) and not image.isNull():
                self.image_given.emit(image)

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files are the whole composer's: it says what letting go would do."""
        if local_files(event.mimeData()):
            event.ignore()
        else:
            super().dragEnterEvent(event)
