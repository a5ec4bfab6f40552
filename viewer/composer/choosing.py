"""What the agent of a session lets the user choose, its mode or model: what it is now, and the others in a menu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from store.conversation import Choice
from store.delta import Header
from viewer import tips
from viewer.theme.look import Look

WORDS: Final = {"mode": "Mode", "model": "Model"}
LONGEST: Final = 28  # characters of a name on the button


class Chooser(QToolButton):
    """One of them; hidden while there is nothing to choose. What is chosen shows when the agent has said so."""

    chosen = Signal(str, str)  # what of, id

    def __init__(self, category: str, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self.category = category
        self._told: tuple[Choice, str] | None = None
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setMenu(QMenu(self))
        self.set_look(look)
        self.hide()

    def show_header(self, choices: Sequence[Choice], header: Header) -> None:
        """What a session has of it now."""
        found = next((choice for choice in choices if choice.category == self.category), None)
        self.show_choice(found, header.mode if self.category == "mode" else header.llm)

    def show_choice(self, choice: Choice | None, current: str) -> None:
        """`current` is an id; '' is not known."""
        told = None if choice is None or len(choice.options) < 2 else (choice, current)
        if told == self._told:
            return
        self._told = told
        self.setVisible(told is not None)
        if told is None or choice is None:
            return
        word = WORDS[self.category]
        name = next((name for id, name in choice.options if id == current), current) or "–"
        self.setText(f"{word}: {name if len(name) <= LONGEST else name[: LONGEST - 1] + '…'}")
        self.setAccessibleName(f"{word} of the agent")
        self.setAccessibleDescription(name)
        self.setToolTip(tips.plain(f"{word} of the agent: {name}. Choose another, from now on."))
        menu = self.menu()
        menu.clear()
        for id, name in choice.options:
            action = menu.addAction(name.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(id == current)
            action.triggered.connect(lambda _=False, id=id: self._choose(id))

    def _choose(self, id: str) -> None:
        told, self._told = self._told, None  # the sign in the menu has gone to what was clicked
        if told is not None:
            self.show_choice(*told)
            if id != told[1]:
                self.chosen.emit(self.category, id)

    def set_look(self, look: Look) -> None:
        self.setFont(look.font("meta"))
        border, focus = look.colour("button.border").name(), look.colour("accent.focus").name()
        self.setStyleSheet(
            f"QToolButton {{ border: 1px solid {border}; padding: {look.px(1)}px {look.px(6)}px;"
            f" color: {look.colour('text.muted').name()}; }}"
            f"QToolButton:hover {{ color: {look.colour('text.main').name()}; }}"
            f"QToolButton:focus {{ border-color: {focus}; }}"
            f"QToolButton::menu-indicator {{ image: none; }}"
        )
