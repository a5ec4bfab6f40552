"""The theme: every text readable on its ground, one token file, icons tinted, fonts found, widgets dressed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QFontInfo, QImage
from PySide6.QtWidgets import QApplication, QComboBox, QPushButton
from pytestqt.qtbot import QtBot

from resources import path
from viewer.theme import Scheme, apply, fonts, icons, make_look, system_scheme, tokens

REPO = Path(__file__).resolve().parents[2]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def test_the_token_file_is_read_as_toml_reads_it() -> None:
    tree = tomllib.loads(path(tokens.FILE).read_text("utf-8"))
    assert tokens.tokens() == {
        f"{group}.{key}": tokens.Token(f"{group}.{key}", entry["light"], entry["dark"], tuple(entry.get("on", ())))
        for group, entries in tree.items()
        for key, entry in entries.items()
    }


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_is_readable_on_every_ground_it_stands_on(scheme: Scheme) -> None:
    """D-theme: contrast of at least 4.5 : 1 for text."""
    colours = tokens.colours(scheme)
    poor = {
        (name, ground): round(tokens.contrast(colours[name], colours[ground]), 2)
        for name, token in tokens.tokens().items()
        for ground in token.on
        if tokens.contrast(colours[name], colours[ground]) < 4.5
    }
    assert poor == {}


def test_text_and_state_tokens_say_what_they_stand_on() -> None:
    unsaid = [
        name
        for name, token in tokens.tokens().items()
        if name.startswith(("text.", "state.", "syntax.", "ansi.")) and not token.on
    ]
    assert set(unsaid) == {"text.disabled", "state.unread"}  # disabled text may be faint; a dot is no text


def test_contrast_is_the_one_of_the_wcag() -> None:
    assert tokens.contrast(QColor("#000"), QColor("#fff")) == pytest.approx(21)
    assert tokens.contrast(QColor("#777777"), QColor("#ffffff")) == pytest.approx(4.48, abs=0.01)


def test_every_token_the_viewer_asks_for_exists(qapp: QApplication) -> None:
    look = make_look("light")
    asked: set[str] = set()
    for file in (REPO / "viewer").rglob("*.py"):
        asked.update(re.findall(r"""colour\(\s*["']([a-z_.0-9]+)["']\s*\)""", file.read_text("utf-8")))
    assert len(asked) > 10
    for token in asked:
        look.colour(token)


def test_an_unknown_token_is_a_typing_error(qapp: QApplication) -> None:
    with pytest.raises(KeyError):
        make_look("dark").colour("row.tol.text")


def test_a_look_is_a_new_generation_and_zoom_is_one_factor(qapp: QApplication) -> None:
    one, two = make_look("light"), make_look("dark", 2.0)
    assert one.generation != two.generation
    assert (one.px(4), two.px(4)) == (4, 8)
    assert two.font("prose").pixelSize() == 2 * one.font("prose").pixelSize()
    assert make_look("light", 99).zoom <= 3


def test_the_bundled_fonts_have_outlines_that_are_painted_fast() -> None:
    for name in fonts.FILES:  # cubic ones (b"OTTO") cost three times as much: see scripts/quadratic_fonts.py
        assert path(f"fonts/{name}").read_bytes()[:4] == b"\x00\x01\x00\x00", name


def test_the_bundled_fonts_are_used(qapp: QApplication) -> None:
    look = make_look("light")
    assert QFontInfo(look.font("ui")).family() == "Inter"
    assert QFontInfo(look.font("mono")).family() == "JetBrains Mono"
    assert look.metrics("meta").horizontalAdvance("11111") == look.metrics("meta").horizontalAdvance("00000")


def test_icons_are_tinted_and_cached(qapp: QApplication) -> None:
    red = icons.pixmap("circle-x", QColor("#ff0000"), 16, 2.0)
    assert red.devicePixelRatio() == 2
    assert red.width() == 32
    image = red.toImage().convertToFormat(QImage.Format.Format_ARGB32)
    inked = [image.pixelColor(x, y) for x in range(32) for y in range(32) if image.pixelColor(x, y).alpha() > 200]
    assert inked
    assert all(colour.red() > 200 and colour.green() < 40 for colour in inked)
    assert icons.pixmap("circle-x", QColor("#ff0000"), 16, 2.0).cacheKey() == red.cacheKey()


def test_every_shipped_icon_draws_something(qapp: QApplication) -> None:
    for file in sorted(path("icons").glob("*.svg")):
        image = icons.pixmap(file.stem, QColor("#123456"), 16).toImage()
        assert any(image.pixelColor(x, y).alpha() for x in range(16) for y in range(16)), file.stem


def choices(qtbot: QtBot) -> QImage:
    """The list of a combo box with the second of three chosen: no style's own frame or bar around it."""
    box = QComboBox()
    qtbot.addWidget(box)
    box.addItems(["System", "Light", "Dark"])
    box.setCurrentIndex(1)
    box.resize(300, 30)
    box.show()
    box.showPopup()
    qtbot.waitUntil(lambda: box.view().isVisible())
    try:
        return box.view().window().grab().toImage()
    finally:
        box.hidePopup()


def test_apply_dresses_stock_widgets_and_can_be_called_again(qtbot: QtBot, qapp: QApplication) -> None:
    before = qapp.styleSheet(), qapp.palette(), qapp.font()
    try:
        for scheme in SCHEMES:
            look = make_look(scheme)
            apply(qapp, look)
            assert qapp.property("playheadStyle") == "Fusion"
            button = QPushButton("Say")
            qtbot.addWidget(button)
            assert button.palette().window().color() == look.colour("surface.panel")
            assert "${" not in qapp.styleSheet()
            assert "$" not in qapp.styleSheet()
            popup = choices(qtbot)
            middle = popup.height() // 2
            assert popup.pixelColor(0, middle) == look.colour("line.strong")
            assert popup.pixelColor(2, middle) == look.colour("surface.panel")
            assert popup.pixelColor(popup.width() - 20, middle) == look.colour("surface.selected")
        assert system_scheme(qapp) in SCHEMES
    finally:
        qapp.setStyleSheet(before[0])
        qapp.setPalette(before[1])
        qapp.setFont(before[2])
