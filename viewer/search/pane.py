"""The page that searches: a box, where to look, what was found. It stands in the place of the list of sessions.

Made by viewer.searching, which knows the sessions; the asking is done by asker.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QToolButton, QVBoxLayout, QWidget
from typing_extensions import override

from store.search import Found
from viewer import wording
from viewer.search.asker import LIMIT, Asker
from viewer.search.view import HitList
from viewer.theme import icons
from viewer.theme.look import Look

PAUSE: Final = 150  # ms without a letter until it is looked for
BLANK: Final = (
    "Every word is found in what was said, thought, run and printed.\n\n"
    "“Several words” are a phrase, and a * ends a beginning."
)
SYNTAX: Final = (
    "OR, NOT and parentheses combine words\n"
    "said: thought: input: output: look there only\n"
    "kind:prompt tool:Bash is:error agent:claude project:atlas since:2d until:2026-09-01 narrow it"
)
EXAMPLES: Final = (
    ("What failed since yesterday", "is:error since:2d"),
    ("Commands that failed", "is:error kind:tool.shell"),
    ("Prompts of this week", "kind:prompt since:7d"),
)


class SearchPane(QWidget):
    """See the module."""

    chosen = Signal(object, bool)  # Hit, whether the keyboard goes there
    left = Signal()  # Escape, or the cross

    def __init__(self, asker: Asker, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("search")
        self._asker = asker
        self._session = ""  # the path of the open session
        self._shown = ("", "")  # what the list answers: query, within
        self.heading = QLabel("Search", self)
        self.close_button = QToolButton(self)
        self.close_button.setAccessibleName("Close the search")
        self.close_button.setToolTip("Back to the sessions (Esc)")
        self.box = QLineEdit(self)
        self.box.setPlaceholderText("Search the text…")
        self.box.setProperty("quiet", True)
        self.box.setToolTip(SYNTAX)
        self.box.setAccessibleName("Search the text of sessions")
        self.box.setClearButtonEnabled(True)
        self.box.setAcceptDrops(False)
        self.where = QComboBox(self)
        self.where.setAccessibleName("Where to search")
        self.where.addItems(["In all sessions", "In this session"])
        self.note = QLabel(self)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setAccessibleName("What to search for")
        self.examples = [QPushButton(text, self) for text, _ in EXAMPLES]
        for button, (_, query) in zip(self.examples, EXAMPLES, strict=True):
            button.setToolTip(query)
            button.clicked.connect(lambda *_, query=query: self.search(query))
        self.list = HitList(look, self)
        self.list.setAccessibleName("What was found")
        self.footer = QLabel(self)
        self.footer.setWordWrap(True)
        self.footer.setTextFormat(Qt.TextFormat.PlainText)
        self._top, self._fields, self._blank = QHBoxLayout(), QVBoxLayout(), QVBoxLayout()
        self._top.addWidget(self.heading, 1)
        self._top.addWidget(self.close_button)
        self._fields.addWidget(self.box)
        self._fields.addWidget(self.where)
        self._blank.addWidget(self.note)
        for button in self.examples:
            self._blank.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        self.rest = QWidget(self)  # in the list's place while there is nothing to show
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for part in (self._top, self._fields, self._blank):
            layout.addLayout(part)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.rest, 1)
        layout.addWidget(self.footer)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.timeout.connect(self.ask)
        self.box.textChanged.connect(lambda _: self._pause.start(PAUSE))
        self.box.installEventFilter(self)
        self.where.currentIndexChanged.connect(lambda _: self.ask())
        self.list.chosen.connect(self.chosen)
        for signal in (self.list.left, self.close_button.clicked):
            signal.connect(lambda *_: self.left.emit())
        asker.answered.connect(self.on_answered)
        asker.refused.connect(self.on_refused)
        self.set_look(look)
        self._say(BLANK, examples=True)

    # ---- told by the window

    def open(self, *, here: bool) -> None:
        """Put the cursor into the box; `here`: look in the open session."""
        self.where.setCurrentIndex(int(here and bool(self._session)))
        self.box.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.box.selectAll()
        self.ask()

    def set_session(self, path: str) -> None:
        """The session in the transcript; '' is none, or one that lies in no file."""
        self._session = path
        self.where.model().item(1).setEnabled(bool(path))  # type: ignore[attr-defined]
        if self.where.currentIndex() == 1:
            if path:
                self.ask()
            else:
                self.where.setCurrentIndex(0)

    def search(self, query: str) -> None:
        """As if it was typed, and asked at once."""
        self.box.setText(query)
        self._pause.stop()
        self.ask()
        self.box.setFocus(Qt.FocusReason.OtherFocusReason)

    def stop(self) -> None:
        """Nobody looks any more."""
        self._pause.stop()
        self._asker.stop()

    # ---- asked and answered

    def ask(self) -> None:
        text = self.box.text().strip()
        within = self._session if self.where.currentIndex() == 1 else ""
        if (text, within) == self._shown and self.list.hits.rowCount():
            return
        self._shown = (text, within)
        if not text:
            self._asker.stop()
            self.list.hits.show(())
            self._say(BLANK, examples=True)
            return
        if not self.list.hits.rowCount():
            self._say("Searching…")
        self._asker.ask(text, within)

    def on_answered(self, found: Found) -> None:
        hits = found.hits[:LIMIT]
        self.list.hits.show(hits)
        self.list.scrollToTop()
        if not hits:
            where = "this session" if self._shown[1] else "any session"
            self._say(found.note or f"Nothing in {where} matches “{self._shown[0]}”.", examples=not found.note)
        else:
            sessions = wording.many(len({hit.session for hit in hits}), "session")
            many = wording.many(len(hits), "row")
            many = f"The newest {many}" if len(found.hits) > LIMIT else many
            self._say("")
            self.footer.setText(f"{many} in {sessions}")
        if found.waiting:
            rest = f"{wording.many(found.waiting, 'session')} not indexed yet: more may be found later."
            self.footer.setText(f"{self.footer.text()}\n{rest}".strip())
            self.footer.show()

    def on_refused(self, why: str) -> None:
        """What is typed is not a query yet, mostly."""
        self.list.hits.show(())
        self._say(why)

    def _say(self, why: str, *, examples: bool = False) -> None:
        self.note.setText(why)
        self.note.setVisible(bool(why))
        for button in self.examples:
            button.setVisible(examples)
        self.list.setVisible(not why)
        self.rest.setVisible(bool(why))
        self.footer.setVisible(not why)
        self.footer.setText("")

    # ---- keys, looks

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys in the box that belong to the list."""
        if watched is self.box and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            match event.key():
                case Qt.Key.Key_Down | Qt.Key.Key_Up if self.list.hits.rowCount():
                    self.list.setFocus(Qt.FocusReason.OtherFocusReason)
                    if not self.list.currentIndex().isValid():
                        self.list.setCurrentIndex(self.list.hits.index(self.list.hits.next_hit(-1, 1)))
                    return True
                case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                    if self._pause.isActive():
                        self._pause.stop()
                        self.ask()
                    else:
                        self.list.step(1)
                    return True
                case Qt.Key.Key_Escape:
                    self.left.emit()
                    return True
        return super().eventFilter(watched, event)

    def set_look(self, look: Look) -> None:
        side = look.px(12)
        self._top.setContentsMargins(side, look.px(6), look.px(8), 0)
        self._fields.setContentsMargins(side, look.px(4), side, look.px(4))
        self._fields.setSpacing(look.px(8))
        self._blank.setContentsMargins(side, look.px(8), side, 0)
        self._blank.setSpacing(look.px(8))
        self.heading.setFont(look.font("ui.bold"))
        self.close_button.setIcon(icons.icon("x", look))
        self.close_button.setIconSize(QSize(look.px(16), look.px(16)))
        muted = f"color: {look.colour('text.muted').name()}"
        for label, padding in ((self.note, 0), (self.footer, look.px(6))):
            label.setIndent(0)
            label.setStyleSheet(f"{muted}; padding: {padding}px {side if padding else 0}px;")
        self.note.setFont(look.font("ui"))
        self.footer.setFont(look.font("meta"))  # a first style sheet takes away the font that was set before it
        self.list.set_look(look)
