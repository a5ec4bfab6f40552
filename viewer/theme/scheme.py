"""Makes a Look and dresses the application in it: Fusion, a palette and one short style sheet. Called by viewer.app."""

from __future__ import annotations

from itertools import count
from string import Template

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from resources import path
from store.settings import ROW_LINES
from viewer.theme import fonts, tokens
from viewer.theme.look import Look
from viewer.theme.tokens import Scheme

_generations = count(1)
STYLE, STYLED = "playheadStyle", "Fusion"
FONT, COLOURS = "playheadFont", "playheadColours"  # properties of the application: what it is dressed in
ZOOM_LOW, ZOOM_HIGH = 0.5, 3.0

# Only what a palette cannot say. Colours come from the tokens, measures from the 4 px rhythm.
SHEET = Template(
    """
QToolTip { background: $pill_background; color: $pill_text; border: 0; padding: ${p4}px ${p8}px; }
QScrollBar:vertical { background: transparent; width: ${p12}px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: ${p12}px; margin: 0; }
QScrollBar::handle { background: $line_scroll; border-radius: ${p3}px; }
QScrollBar::handle:hover, QScrollBar::handle:pressed { background: $line_scroll_hover; }
QScrollBar::handle:disabled { background: transparent; }
QScrollBar::handle:vertical { min-height: ${p32}px; margin: ${p2}px ${p3}px; }
QScrollBar::handle:horizontal { min-width: ${p32}px; margin: ${p3}px ${p2}px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QLineEdit, QPlainTextEdit[field="true"] {
  background: $surface_window; color: $text_main; border: 1px solid $button_border; border-radius: ${p4}px;
  padding: ${p4}px ${p8}px; selection-background-color: $selection_background; selection-color: $selection_text;
}
QLineEdit[quiet="true"], QPlainTextEdit[quiet="true"], QPlainTextEdit[field="true"][readOnly="true"] {
  background: $surface_raised; border-color: $line_hair;
}
QLineEdit:disabled, QPlainTextEdit:disabled { color: $text_disabled; border-color: $line_hair; }
QLineEdit:focus, QPlainTextEdit[field="true"]:focus { border-color: $accent_focus; }
QPushButton, QToolButton {
  background: $button_background; color: $button_text; border: 1px solid $button_border; border-radius: ${p4}px;
  padding: ${p4}px ${p12}px;
}
QToolButton { background: transparent; border-color: transparent; padding: ${p4}px; }
QPushButton:hover, QToolButton:hover { background: $surface_hover; }
QPushButton:pressed, QToolButton:pressed, QToolButton:checked { background: $surface_pressed; }
QPushButton:focus, QToolButton:focus { border-color: $accent_focus; }
QPushButton:disabled, QToolButton:disabled { color: $text_disabled; }
QPushButton:default { background: $accent_fill; color: $accent_text; border-color: $accent_fill; }
QPushButton:default:disabled {
  background: $button_background; color: $text_disabled; border-color: $button_border;
}
QPushButton:default:hover:enabled { background: $accent_fill_hover; }
QPushButton:default:pressed:enabled { background: $accent_fill_pressed; }
QPushButton:default:focus:enabled { border-color: $text_strong; }
QCheckBox { spacing: ${p6}px; }
QCheckBox::indicator {
  background: $surface_window; border: 1px solid $button_border; border-radius: ${p3}px;
  width: ${p14}px; height: ${p14}px;
}
QCheckBox::indicator:hover { border-color: $accent_main; }
QCheckBox::indicator:pressed { background: $surface_pressed; }
QCheckBox::indicator:checked { background: $accent_fill; border-color: $accent_fill; image: url("$check"); }
QCheckBox::indicator:checked:hover { background: $accent_fill_hover; }
QCheckBox::indicator:disabled { border-color: $line_hair; }
QCheckBox::indicator:checked:disabled { background: $line_strong; border-color: $line_strong; }
QCheckBox::indicator:focus { border-color: $accent_focus; }
QCheckBox::indicator:checked:focus { border-color: $text_strong; }
QCheckBox:focus { color: $text_strong; }
QCheckBox:disabled { color: $text_disabled; }
QComboBox, QAbstractSpinBox {
  background: $surface_window; color: $text_main; border: 1px solid $button_border; border-radius: ${p4}px;
  padding: ${p3}px ${p8}px; selection-background-color: $selection_background; selection-color: $selection_text;
}
QAbstractSpinBox { padding: ${p2}px; padding-left: ${p4}px; }
QAbstractSpinBox QLineEdit { background: transparent; border: 0; padding: 0 ${p2}px; }
QComboBox:hover:enabled, QAbstractSpinBox:hover:enabled { border-color: $line_strong; }
QComboBox:focus, QAbstractSpinBox:focus { border-color: $accent_focus; }
QComboBox:disabled, QAbstractSpinBox:disabled { color: $text_disabled; border-color: $line_hair; }
QComboBox { combobox-popup: 0; }
QComboBox::drop-down { border: 0; width: ${p24}px; }
QComboBox::down-arrow { image: url("$arrow_down"); width: ${p12}px; height: ${p12}px; }
QComboBox QAbstractItemView {
  background: $surface_panel; border: 1px solid $line_strong; padding: ${p3}px; outline: 0;
  selection-background-color: $surface_selected; selection-color: $text_strong;
}
QComboBox QAbstractItemView::item { padding: ${p4}px ${p8}px; border: 0; border-radius: ${p4}px; }
QComboBox QAbstractItemView::item:selected { background: $surface_selected; color: $text_strong; }
QAbstractScrollArea::corner { background: transparent; border: 0; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { border: 0; width: ${p24}px; background: transparent; }
QAbstractSpinBox::up-button:hover, QAbstractSpinBox::down-button:hover { background: $surface_hover; }
QAbstractSpinBox::up-arrow { image: url("$arrow_up"); width: ${p10}px; height: ${p10}px; }
QAbstractSpinBox::down-arrow { image: url("$arrow_down"); width: ${p10}px; height: ${p10}px; }
QProgressBar { background: $line_hair; border: 0; border-radius: ${p2}px; }
QProgressBar::chunk { background: $accent_fill; border-radius: ${p2}px; }
QMenu { background: $surface_panel; border: 1px solid $line_strong; padding: ${p4}px; }
QMenu::item { padding: ${p4}px ${p24}px ${p4}px ${p12}px; border-radius: ${p4}px; }
QMenu::item:selected { background: $surface_selected; color: $text_strong; }
QMenu::item:disabled { color: $text_disabled; }
QMenu::separator { height: 1px; background: $line_hair; margin: ${p4}px ${p8}px; }
QMenuBar { background: $surface_panel; }
QMenuBar::item { background: transparent; padding: ${p4}px ${p8}px; }
QMenuBar::item:selected { background: $surface_hover; }
QStatusBar { background: $surface_panel; color: $text_muted; border-top: 1px solid $line_hair; }
QStatusBar::item { border: 0; }
QMainWindow::separator { background: $line_hair; width: 1px; height: 1px; }
QSplitter::handle { background: $line_hair; }
QDockWidget { titlebar-close-icon: none; color: $text_muted; }
QDockWidget::title { background: $surface_panel; padding: ${p8}px; }
QAbstractItemView { border: 0; outline: 0; }
"""
)


def make_look(scheme: Scheme, zoom: float = 1.0, lines: int = ROW_LINES.default) -> Look:
    """A fresh Look: a new generation, so every cached layout is made anew. Needs a QGuiApplication for its fonts."""
    zoom = min(max(zoom, ZOOM_LOW), ZOOM_HIGH)
    return Look(next(_generations), scheme == "dark", zoom, tokens.colours(scheme), fonts.fonts(zoom), lines)


def system_scheme(app: QGuiApplication) -> Scheme:
    """What the desktop asks for. Where it says nothing (bare X11, offscreen), light."""
    return "dark" if app.styleHints().colorScheme() == Qt.ColorScheme.Dark else "light"


def palette(look: Look) -> QPalette:
    """The tokens in Qt's own words, for stock widgets."""
    role = QPalette.ColorRole
    made = QPalette()
    for target, token in (
        (role.Window, "surface.panel"),
        (role.WindowText, "text.main"),
        (role.Base, "surface.window"),
        (role.AlternateBase, "surface.panel"),
        (role.Text, "text.main"),
        (role.PlaceholderText, "text.faint"),
        (role.Button, "button.background"),
        (role.ButtonText, "button.text"),
        (role.BrightText, "text.strong"),
        (role.Highlight, "selection.background"),
        (role.HighlightedText, "selection.text"),
        (role.Accent, "accent.fill"),
        (role.Link, "text.link"),
        (role.LinkVisited, "text.link"),
        (role.ToolTipBase, "pill.background"),
        (role.ToolTipText, "pill.text"),
        (role.Light, "surface.hover"),
        (role.Midlight, "surface.hover"),
        (role.Mid, "line.strong"),
        (role.Dark, "line.strong"),
        (role.Shadow, "line.strong"),
    ):
        made.setColor(target, look.colour(token))
    for target in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, target, look.colour("text.disabled"))
    return made


def sheet(look: Look) -> str:
    """The style sheet for one Look."""
    words = {name.replace(".", "_"): look.colour(name).name() for name in tokens.tokens()}
    words |= {f"p{units}": str(look.px(units)) for units in (2, 3, 4, 6, 8, 10, 12, 14, 24, 32)}
    images = ("arrow_down", "arrow_up", "check")
    words |= {name: path(f"themes/{name.replace('_', '-')}.svg").as_posix() for name in images}
    return SHEET.substitute(words)


def application(name: str) -> QApplication:
    """A QApplication in the style that `apply` builds on.

    It is asked for as an argument: `setStyle` gives back a QStyle, whose 570 names would be made for nobody.
    """
    app = QApplication([name, "-style", STYLED])
    app.setProperty(STYLE, STYLED)
    return app


def apply(app: QApplication, look: Look) -> None:
    """Dress the whole application. Cheap when the scheme or the zoom changes, and free when nothing has."""
    # Asked of a property: with a style sheet set, the application's style no longer tells its name.
    if app.property(STYLE) is None:
        app.setStyle(STYLED)
        app.setProperty(STYLE, STYLED)
    font, colours, rules = look.font("ui"), palette(look), sheet(look)
    # A sheet that is set anew is read again, and every widget there is asks it again.
    if (font, colours, rules) != (app.property(FONT), app.property(COLOURS), app.styleSheet()):
        app.setFont(font)
        app.setPalette(colours)
        app.setStyleSheet(rules)
        app.setProperty(FONT, font)
        app.setProperty(COLOURS, colours)
