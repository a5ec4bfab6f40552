"""The settings as a dialog, made from their declarations: one field per setting, written by Apply and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from store.settings import DECLARED, AnySetting, Settings
from viewer import wording
from viewer.theme.look import Look

GROUPS: Final = {"timeline": "Transcript", "look": "Look", "time": "Times", "sessions": "Sessions", "window": "Window"}
UNBOUNDED: Final = 2**31 - 1
ROUND_IT: Final = 200  # px of the screen for the buttons, the title bar and what a desktop puts at its edges


class Field:
    """The widget of one setting: how it is read, written and told about."""

    def __init__(self, setting: AnySetting, changed: Callable[[], None]) -> None:
        self.setting = setting
        self.widget: QWidget
        self.read: Callable[[], object]
        self.write: Callable[[Any], None]
        self.shown: object = None  # what it was like before the user changed it
        if isinstance(setting.default, bool):
            self._check(changed)
        elif setting.choices:
            self._choice(changed)
        elif isinstance(setting.default, int):
            self._whole(changed)
        elif isinstance(setting.default, float):
            self._number(changed)
        elif isinstance(setting.default, tuple):
            self._list(changed)
        else:
            self._line(changed)
        self.widget.setAccessibleName(setting.title)
        self.widget.setAccessibleDescription(setting.help)
        self.widget.setToolTip(setting.help)
        self.widget.setObjectName(f"setting.{setting.name}")
        self.label = QLabel(setting.title)
        self.about = QLabel(setting.help)
        self.error = QLabel()
        self.error.setTextFormat(Qt.TextFormat.PlainText)  # it says what was typed
        self.error.setWordWrap(True)
        self.error.hide()

    def set_look(self, look: Look) -> None:
        """Another theme or zoom."""
        # Fusion draws outlines in a darker shade of the window's colour: on a dark window nobody would see them.
        palette = self.widget.palette()
        palette.setColor(palette.ColorRole.Window, look.colour("line.strong").lighter(140))
        self.widget.setPalette(palette)
        self.error.setStyleSheet(f"color: {look.colour('state.failed').name()}")
        self.about.setStyleSheet(f"color: {look.colour('text.muted').name()}")
        self.about.setFont(look.font("meta"))
        self.label.setFixedWidth(look.px(160))  # one edge for all groups
        self.label.setFixedHeight(look.px(28))
        if isinstance(self.widget, QCheckBox):
            self.about.setContentsMargins(look.px(22), 0, 0, 0)
        elif isinstance(self.widget, QPlainTextEdit):
            self.widget.setFixedHeight(look.metrics("ui").lineSpacing() * 3 + look.px(16))
        else:
            self.widget.setMinimumHeight(look.px(28))
        if isinstance(self.widget, QSpinBox | QDoubleSpinBox):
            self.widget.lineEdit().setTextMargins(look.px(6), 0, 0, 0)  # its sheet has no padding there

    def _check(self, changed: Callable[[], None]) -> None:
        box = QCheckBox(self.setting.title)
        box.toggled.connect(lambda _: changed())
        self.widget, self.read, self.write = box, box.isChecked, box.setChecked

    def _choice(self, changed: Callable[[], None]) -> None:
        box = QComboBox()
        for choice in self.setting.choices:
            box.addItem(choice.capitalize(), choice)
        box.currentIndexChanged.connect(lambda _: changed())
        self.widget, self.read = box, box.currentData
        self.write = lambda value: box.setCurrentIndex(box.findData(value))

    def _whole(self, changed: Callable[[], None]) -> None:
        box = QSpinBox()
        low, high = self.setting.low, self.setting.high
        box.setRange(-UNBOUNDED if low is None else int(low), UNBOUNDED if high is None else int(high))
        box.setGroupSeparatorShown(True)
        box.valueChanged.connect(lambda _: changed())
        self.widget, self.read, self.write = box, box.value, box.setValue

    def _number(self, changed: Callable[[], None]) -> None:
        box = QDoubleSpinBox()
        low, high = self.setting.low, self.setting.high
        box.setRange(-1e9 if low is None else low, 1e9 if high is None else high)
        box.setDecimals(2)
        box.setSingleStep(0.1)
        box.valueChanged.connect(lambda _: changed())
        self.widget, self.read, self.write = box, lambda: round(box.value(), 2), box.setValue

    def _list(self, changed: Callable[[], None]) -> None:
        box = QPlainTextEdit()
        box.setProperty("field", "true")
        box.setTabChangesFocus(True)
        box.textChanged.connect(changed)
        self.widget = box
        self.read = lambda: tuple(line.strip() for line in box.toPlainText().splitlines() if line.strip())
        self.write = lambda value: box.setPlainText("\n".join(value))

    def _line(self, changed: Callable[[], None]) -> None:
        box = QLineEdit()
        box.textChanged.connect(lambda _: changed())
        self.widget, self.read, self.write = box, box.text, box.setText

    def complain(self, sentence: str) -> None:
        self.error.setText(sentence)
        self.error.setVisible(bool(sentence))


class Scroll(QScrollArea):
    """As high as what is in it, or as the screen has room for: at a high zoom the buttons must stay in reach."""

    def __init__(self, inside: QWidget) -> None:
        super().__init__()
        self.inside = inside
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)

    @override
    def sizeHint(self) -> QSize:
        inside = self.inside.sizeHint()
        return QSize(inside.width(), min(inside.height(), self.screen().availableGeometry().height() - ROUND_IT))

    @property
    def hidden(self) -> int:
        """How many px higher it would have to be to show everything."""
        return max(0, self.inside.sizeHint().height() - self.sizeHint().height())

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(self.inside.minimumSizeHint().width(), min(200, self.inside.sizeHint().height()))


class SettingsDialog(QDialog):
    """Apply checks all and writes once; Revert shows what is in force; closing throws away what was not applied."""

    panel_wanted = Signal()  # the settings of threads, triggers and the receiver are there

    def __init__(self, settings: Settings, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.panel_button = QPushButton("Threads, triggers and storage…")
        self.panel_button.setToolTip("Open the sessions panel, which has settings of its own")
        self.panel_button.setAutoDefault(False)
        self.panel_button.clicked.connect(self.on_panel)
        self.setWindowTitle("Settings")
        off = settings.watch(self.on_setting)
        self.destroyed.connect(lambda: off())
        shown = [setting for setting in DECLARED if setting.name.partition(".")[0] in GROUPS]  # the panel has the rest
        self.fields = {setting.name: Field(setting, self.on_edit) for setting in shown}
        whole = self._whole = QVBoxLayout(self)
        inside = QWidget()
        column = self._column = QVBoxLayout(inside)
        self._headings: list[QLabel] = []
        self._forms: list[QFormLayout] = []
        self._stacks: list[QVBoxLayout] = []
        self.area = Scroll(inside)
        whole.addWidget(self.area, 1)
        for group, title in GROUPS.items():
            heading = QLabel(title)
            self._headings.append(heading)
            column.addWidget(heading)
            form = QFormLayout()
            self._forms.append(form)
            form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
            for name, field in self.fields.items():
                if name.startswith(f"{group}."):
                    self._add(form, field)
            column.addLayout(form)
            if group == "sessions":
                column.addWidget(self.panel_button, 0, Qt.AlignmentFlag.AlignLeft)
        self.error = QLabel()
        self.error.setTextFormat(Qt.TextFormat.PlainText)  # it says what was typed
        self.error.setWordWrap(True)
        self.error.hide()
        column.addStretch()
        foot = self._foot = QVBoxLayout()
        foot.addWidget(self.error)
        whole.addLayout(foot)
        place = self._place = QLabel(f"Kept in {wording.home(settings.path)}")
        place.setTextFormat(Qt.TextFormat.PlainText)
        place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        foot.addWidget(place)
        self.revert_button = QPushButton("Revert")
        self.apply_button = QPushButton("Apply")
        self.apply_button.setDefault(True)
        self.close_button = QPushButton("Close")
        self.close_button.setAutoDefault(False)
        self.revert_button.setAutoDefault(False)
        box = QDialogButtonBox()
        box.addButton(self.revert_button, QDialogButtonBox.ButtonRole.ResetRole)
        box.addButton(self.close_button, QDialogButtonBox.ButtonRole.RejectRole)
        box.addButton(self.apply_button, QDialogButtonBox.ButtonRole.ApplyRole)
        foot.addWidget(box)
        self.revert_button.clicked.connect(self.revert)
        self.apply_button.clicked.connect(self.apply)
        self.close_button.clicked.connect(self.reject)
        self.set_look(look)
        self.revert()
        self.resize(self.sizeHint())  # of itself a dialog takes two thirds of the screen at most

    def set_look(self, look: Look) -> None:
        """Another theme or zoom."""
        self._whole.setContentsMargins(0, 0, 0, look.px(16))
        self._whole.setSpacing(look.px(12))
        self._column.setContentsMargins(look.px(24), look.px(8), look.px(24), 0)
        self._foot.setContentsMargins(look.px(24), 0, look.px(24), 0)
        for layout in (self._column, self._foot):
            layout.setSpacing(look.px(8))
        for heading in self._headings:
            heading.setFont(look.font("ui.bold"))
            heading.setContentsMargins(0, look.px(8), 0, 0)
        for form in self._forms:
            form.setHorizontalSpacing(look.px(16))
            form.setVerticalSpacing(look.px(8))
        for stack in self._stacks:
            stack.setSpacing(look.px(4))
        for field in self.fields.values():
            field.set_look(look)
        self.error.setStyleSheet(f"color: {look.colour('state.failed').name()}")
        self._place.setStyleSheet(f"color: {look.colour('text.faint').name()}")
        self._place.setFont(look.font("meta"))
        if self.isVisible():
            self.resize(self.sizeHint())

    def _add(self, form: QFormLayout, field: Field) -> None:
        stack = QVBoxLayout()  # the field, what it is for, what is wrong with it
        self._stacks.append(stack)
        stack.addWidget(field.widget)
        if field.setting.help:
            stack.addWidget(field.about)
        stack.addWidget(field.error)
        if isinstance(field.widget, QCheckBox):
            form.addRow(stack)
            return
        field.label.setBuddy(field.widget)
        form.addRow(field.label, stack)

    def on_panel(self) -> None:
        self.reject()
        self.panel_wanted.emit()

    def revert(self) -> None:
        """Show what is in force."""
        for field in self.fields.values():
            field.write(self._settings[field.setting])
            field.shown = field.read()
            field.complain("")
        self.error.hide()
        self.on_edit()

    def on_setting(self, setting: AnySetting) -> None:
        """Applied, or changed by another window: what nobody has typed here must not put the old value back."""
        field = self.fields.get(setting.name)
        if field is not None:
            if field.read() == field.shown:
                field.write(self._settings[setting])
            field.shown = self._settings[setting]
            self.on_edit()

    def on_edit(self) -> None:
        """Something was typed: nothing is written, only the buttons know."""
        if not hasattr(self, "apply_button"):
            return
        edited = any(field.read() != self._settings[field.setting] for field in self.fields.values())
        self.apply_button.setEnabled(edited)
        self.revert_button.setEnabled(edited)

    def apply(self) -> None:
        """Check every field, then write once. What is wrong is said at its field."""
        values: dict[str, object] = {}
        wrong = False
        for name, field in self.fields.items():
            try:
                values[name] = field.setting.check(field.read())
                field.complain("")
            except ValueError as error:
                field.complain(str(error))
                wrong = True
        if wrong:
            return
        try:
            self._settings.put(values)
        except OSError as error:
            self.error.setText(f"{self._settings.path} cannot be written: {error.strerror or error}.")
            self.error.show()
            return
        self.error.hide()
        self.on_edit()
