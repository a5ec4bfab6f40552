"""Damaged recordings, all the way: pipe, fold, ticks, model, and every row laid out and painted. Nothing raises."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import DATA, mutate
from PySide6.QtGui import QImage, QPainter
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication
from thorough import examples

from store.formats import HEAD, sniff
from store.hub import Hub
from store.pipe import Pipe
from store.session import Session
from viewer.rows.base import Fold, lay_out
from viewer.theme import make_look
from viewer.timeline.model import TimelineModel

FOLDS = (Fold(), Fold(open=True), Fold(open=True, pages=2))


def survives(rng: random.Random, data: bytes) -> int:
    """Feed it in random pieces with ticks between them, as a file that grows. Returns the rows."""
    look = make_look(rng.choice(("light", "dark")), rng.choice((0.6, 1.0, 2.5)), rng.choice((5, 40)))
    hub = Hub(lambda: None)
    hub.sessions["s"] = Session("s")
    model = TimelineModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal, model)
    pipe = Pipe(sniff(data[:HEAD]))
    at = 0
    while at < len(data):
        size = rng.choice((1, 70, 900, 9000))
        events = pipe.feed(data[at : at + size])
        at += size
        if events:
            hub.put("s", events)
        if rng.random() < 0.5:
            for delta in hub.flush():
                model.apply(delta)
    hub.put("s", pipe.close())
    for delta in hub.flush(bounded=False):
        model.apply(delta)
    assert not hub.pending
    image = QImage(400, 60, QImage.Format.Format_ARGB32)
    width = rng.choice((200, 640, 1400))
    for row in range(model.length):
        laid = lay_out(model.item(row), width, look, rng.choice(FOLDS))
        assert 0 <= laid.height < 400_000
        assert isinstance(model.index(row).data(), str)
        with QPainter(image) as painter:
            laid.paint(painter, 0, 60, None)
    return model.length


@settings(max_examples=examples(60))
@given(st.integers(0, 1 << 32))
def test_mutations_to_the_pixel(application: QApplication, seed: int) -> None:
    rng = random.Random(seed)
    survives(rng, mutate(rng.choice(DATA)[1], rng))


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_ten_thousand_mutations_to_the_pixel(application: QApplication) -> None:
    """Issue 2, bad input: 10,000 random mutations of good files."""
    rng = random.Random(2)
    assert sum(survives(rng, mutate(rng.choice(DATA)[1], rng)) for _ in range(10_000)) > 10_000
