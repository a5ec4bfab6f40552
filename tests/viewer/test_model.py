"""The timeline model: one Delta, few signals, no cost that follows the length."""

from __future__ import annotations

import random

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy
from timeline_kit import ListWindow, added, changed, message, rebase, tool, window_model, words

from store.delta import Delta, Header
from store.errors import StoreError
from store.items import Item, Message, Notice, Plan, Raw
from store.text import Text
from viewer.timeline.model import ItemRole, TimelineModel
from viewer.timeline.pages import PAGE
from viewer.timeline.spoken import head

Role = Qt.ItemDataRole


def rows(model: TimelineModel) -> list[str]:
    return [model.item(row).id for row in range(model.length)]


@pytest.fixture
def model(qapp) -> TimelineModel:
    made = TimelineModel()
    made.tester = QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal, made)
    return made


def test_p02_rows_of_window_overlay_and_tail(model: TimelineModel) -> None:
    window = ListWindow([message(row) for row in range(300)])
    model.apply(rebase(window, [message(300)], {7: message(7, "newer", rev=4)}))
    assert model.rowCount() == model.length == 301
    assert model.item(7).rev == 4
    assert rows(model) == [f"m{row}" for row in range(301)]
    assert model.position_of("m7") == 7
    assert model.position_of("m300") == 300
    assert model.position_of("nobody") is None
    index = model.index(299)
    assert index.data(Role.DisplayRole).startswith("row 299 line 0")
    assert index.data(Role.AccessibleTextRole) == "Agent: " + " ".join(words(299).split())
    assert index.data(ItemRole).id == "m299"
    assert model.data(model.index(301)) is None
    assert [item.id for item in model.items(298, 301)] == ["m298", "m299", "m300"]


def test_p04_one_insert_and_one_change_per_delta(model: TimelineModel) -> None:
    model.apply(added(model, *(message(row) for row in range(40))))
    inserts, changes, removes = (QSignalSpy(s) for s in (model.rowsInserted, model.dataChanged, model.rowsRemoved))
    seen: list[list[int]] = []
    model.dataChanged.connect(lambda: seen.append(list(model.changed_rows)))
    news = tuple((row, message(row, "new", rev=1)) for row in (3, 17, 39))
    model.apply(Delta("s", changed=news, first=40, added=(message(40), message(41))))
    assert (inserts.count(), changes.count(), removes.count()) == (1, 1, 0)
    assert seen == [[3, 17, 39]]
    assert inserts.at(0)[1:] == [40, 41]
    assert (changes.at(0)[0].row(), changes.at(0)[1].row()) == (3, 39)
    assert list(model.changed_rows) == []
    model.apply(Delta("s", keep=20, changed=((5, message(5, "x", rev=2)),), first=20, added=(message(50),)))
    assert (inserts.count(), changes.count(), removes.count()) == (2, 2, 1)
    assert removes.at(0)[1:] == [20, 41]
    assert rows(model) == [f"m{row}" for row in range(20)] + ["m50"]
    assert model.position_of("m30") is None
    assert model.position_of("m50") == 20


def test_a_delta_that_leaves_a_gap_is_our_own_fault(model: TimelineModel) -> None:
    with pytest.raises(ValueError, match="do not follow"):
        model.apply(Delta("s", first=3, added=(message(3),)))


def test_what_follows_a_delta_is_called_once_after_all_signals_of_its_rows(model: TimelineModel) -> None:
    model.apply(added(model, message(0)))
    told: list[str] = []
    model.rowsInserted.connect(lambda: told.append("inserted"))
    model.dataChanged.connect(lambda: told.append("changed"))
    model.applied.append(lambda: told.append("applied"))
    model.apply(Delta("s", changed=((0, message(0, "x", rev=1)),), first=1, added=(message(1),)))
    assert told == ["changed", "inserted", "applied"]
    model.apply(Delta("s", header=Header(title="t"), backlog=12))
    assert told[3:] == ["applied"]
    assert model.backlog == 12


def test_004_09_an_echo_takes_the_place_and_the_name(model: TimelineModel) -> None:
    model.apply(added(model, message(0), message(1)))
    model.apply(changed((1, message(77, rev=1))))
    assert rows(model) == ["m0", "m77"]
    assert model.position_of("m77") == 1
    assert model.position_of("m1") is None


def test_004_37_rebase_inserts_the_past_once_and_moves_nothing_else(model: TimelineModel) -> None:
    model.apply(added(model, tool(-1), *(message(row) for row in range(900, 1000))))  # a result without its call
    spies = [QSignalSpy(s) for s in (model.rowsInserted, model.rowsRemoved, model.dataChanged, model.modelReset)]
    seen: list[int] = []
    model.dataChanged.connect(lambda: seen.extend(model.changed_rows))
    everything: list[Item] = [message(row) for row in range(1000)]
    everything[10] = tool(-1, rev=2)  # the call was there all the time
    everything[950] = message(950, "told otherwise", rev=3)
    window = ListWindow(everything[:995])
    model.apply(rebase(window, everything[995:]))
    inserts, removes, changes, resets = spies
    assert [inserts.at(n)[1:] for n in range(inserts.count())] == [[0, 899]]
    assert [removes.at(n)[1:] for n in range(removes.count())] == [[0, 0]]
    assert (changes.count(), resets.count()) == (1, 0)
    assert seen == [950]
    assert rows(model) == [item.id for item in everything]
    assert model.position_of("m999") == 999


@pytest.mark.parametrize("seed", range(40))
def test_rebase_onto_anything_shows_the_whole(seed: int, model: TimelineModel) -> None:
    chance = random.Random(seed)
    whole: list[Item] = [message(row, rev=chance.randint(0, 1)) for row in range(chance.randint(0, 300))]
    start = chance.randint(0, len(whole))
    old: list[Item] = [message(1000 + row) for row in range(chance.randint(0, 3))]
    old += [message(int(item.id[1:])) for item in whole[start : chance.randint(start, len(whole))]]
    if old and chance.random() < 0.3:
        del old[chance.randrange(len(old))]
    if chance.random() < 0.3:
        old += [message(2000)]
    base = chance.randint(0, len(whole))
    overlay = {row: message(row, "over", rev=5) for row in range(0, base, 50)}
    more = [message(3000)]
    if old:
        model.apply(added(model, *old))
    delta = rebase(ListWindow(whole[:base]) if base else None, whole[base:], overlay)
    model.apply(Delta("s", rebase=delta.rebase, first=len(whole), added=tuple(more)))
    assert rows(model) == [item.id for item in whole] + ["m3000"]
    for row, item in overlay.items():
        assert model.item(row) == item
    for row, item in enumerate(whole):
        assert model.position_of(item.id) == row


def test_a_cut_into_the_window(model: TimelineModel) -> None:
    model.apply(rebase(ListWindow([message(row) for row in range(200)]), [message(200)], {150: message(150, rev=1)}))
    model.apply(Delta("s", keep=100, first=100, added=(message(500),)))
    assert rows(model) == [f"m{row}" for row in range(100)] + ["m500"]
    assert model.position_of("m150") is None
    assert model.position_of("m99") == 99


def test_p02_no_cost_follows_the_length(qapp) -> None:
    """004-28: what is read and looked up per delta is the same in a session of 1,000 rows and of 100,000."""
    costs = []
    for length in (1_000, 100_000):
        model = window_model(length)
        window = model.window
        before = (window.rows_read, window.finds)
        for tick in range(20):
            news = ((length - 1, message(length - 1, f"n{tick}", rev=tick + 1)), (5, message(5, "x", rev=tick + 1)))
            model.apply(Delta("s", changed=news, first=model.length, added=(message(length + tick, parent="m5"),)))
            model.position_of(f"m{length + tick}")
        costs.append((window.rows_read - before[0], window.finds - before[1]))
    assert costs[0] == costs[1] == (0, 0)
    model.item(500)
    assert model.window.rows_read == PAGE


def test_rows_that_cannot_be_read_say_why(qapp, caplog: pytest.LogCaptureFixture) -> None:
    class Torn(ListWindow):
        def read(self, first: int, count: int) -> list[Item]:
            raise StoreError("The disk went away. Plug it in and open the session again.")

    model = TimelineModel()
    model.apply(rebase(Torn([message(row) for row in range(100)])))
    item = model.item(70)
    assert isinstance(item, Raw)
    assert "disk went away" in item.reason
    assert len({model.item(row).id for row in range(100)}) == 100
    assert model.reads == 2, "a page that failed is not asked for again by every paint"
    assert "rows 64 to 99 cannot be read" in caplog.text


def test_short_texts_do_not_join_long_ones() -> None:
    text = Text("")
    for _ in range(1000):
        text = text.append("piece of text ")
    long = Message(id="l", text=text)
    assert head(long, 20) == "piece of text piece"
    assert text._joined is None
    assert head(Plan(id="p", entries=(("one", "pending"), ("two", "completed"))), 50) == "one, two"
    assert head(Notice(id="n", text="a\nb"), 50) == "a b"
