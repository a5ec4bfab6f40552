"""The search in the window: typed, answered by the real database, and the way from a hit to its row. No fakes here."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from apps import running
from builders import answer, assistant, call, lines, user
from imports import REPO
from msgspec.structs import replace
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from store.db.search import catch_up
from store.errors import StoreError
from store.events import ItemId
from store.intake import take_in
from store.items import Notice, Tool, failed
from store.paths import data_dir
from viewer.app import App
from viewer.jobs import Job
from viewer.options import Options
from viewer.search.hits import HitRole
from viewer.timeline import copying, sought
from viewer.timeline.apart import Apart

RECORDED = REPO / "tests" / "recorded" / "claude-code"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """Two sessions in the database of this test's home, indexed, and none of them open."""
    for name in ("tour", "compact"):
        take_in(data_dir() / "playhead.db", Path(shutil.copy(RECORDED / f"{name}.jsonl", tmp_path)))
    catch_up(data_dir() / "playhead.db")
    with running(Options(theme="light")) as made:
        yield made


def find(app: App, qtbot: QtBot, query: str) -> int:
    """Type it; how many lines were found, headings too."""
    page = app.window.search
    with qtbot.waitSignal(page._asker.answered):
        page.box.setText(query)
    return page.list.hits.rowCount()


def test_a_hit_leads_to_its_row_in_a_session_that_was_not_open(app: App, qtbot: QtBot) -> None:
    """X-09: with the keyboard alone."""
    window = app.window
    window.actions_["search"].trigger()
    assert window.left.currentWidget() is window.search
    assert find(app, qtbot, "is:error")
    page = window.search
    assert "row" in page.footer.text()
    qtbot.keyClick(page.box, Qt.Key.Key_Down)
    hit = page.list.currentIndex().data(HitRole)
    qtbot.keyClick(page.list, Qt.Key.Key_Return)

    def there() -> bool:
        model, row = window.pane.view.timeline, window.pane.view.currentIndex().row()
        return model is not None and row >= 0 and model.item(row).id == hit.item

    qtbot.waitUntil(there)
    assert window.desk.current is not None
    assert window.desk.current.key == hit.session
    assert not window.pane.view.follow
    page.where.setCurrentIndex(1)  # in this session: those of the other one are gone
    with qtbot.waitSignal(page._asker.answered):
        page.box.setText("tour")
    found = [page.list.hits.index(row).data(HitRole) for row in range(page.list.hits.rowCount())]
    assert {one.session for one in found if one is not None} == {hit.session}
    qtbot.keyClick(page.box, Qt.Key.Key_Escape)
    assert window.left.currentWidget() is window.sessions


def test_a_hit_is_opened_and_marked_and_back_leads_to_where_one_was(app: App, qtbot: QtBot, tmp_path: Path) -> None:
    """What is folded over the word is opened: a thought, and the fourth page of an output. Alt+Left goes back."""
    window, view = app.window, app.window.pane.view
    path = tmp_path / "deep.jsonl"
    output = "\n".join([*(f"line {number}" for number in range(700)), "👩‍👩‍👧 a Needle, here"])
    steps = [assistant(f"Step {number}.", id=f"m{number}", uuid=f"s{number}", seconds=9) for number in range(80)]
    thought = {"type": "thinking", "thinking": "hay " * 400 + "the needle", "signature": ""}
    path.write_bytes(
        lines(user("go"), assistant(thought, uuid="a0"), assistant(call("Bash", command="ls")), answer(output), *steps)
    )
    take_in(data_dir() / "playhead.db", path)
    catch_up(data_dir() / "playhead.db")
    window.open_path(str(path))
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length > 80)
    view.scroll_by(-400)
    began = view.place()
    assert not began[2], "not at the end, which it would follow"
    assert not window.actions_["back"].isEnabled()
    window.actions_["search"].trigger()
    find(app, qtbot, "needle")
    for marked in ("Needle", "needle"):
        window.actions_["next_hit"].trigger()
        assert view.selected_text() == marked
        ends = view.selection.ends
        assert ends is not None
        placed = view.scene.placed(ends[0].row)
        assert placed is not None
        found = sought.find(placed.what.laid, re.compile(marked))
        assert found is not None
        assert 0 <= placed.top + found.y < view.viewport().height() - view.line, "in sight, however tall its row"
    landed = view.place()
    qtbot.keyClick(view, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert view.place() == began, "from hit to hit is one jump"
    assert not window.actions_["back"].isEnabled()
    qtbot.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert view.place() == landed
    find(app, qtbot, "tour")
    window.actions_["next_hit"].trigger()
    assert window.desk.current is not None
    assert window.desk.current.key != str(path)
    window.actions_["back"].trigger()
    assert window.desk.current.key == str(path)
    assert view.place() == landed, "also in another session"


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_row_that_is_read_late_is_shown_unless_the_reader_has_gone_on(
    app: App, qtbot: QtBot, tmp_path: Path, goes_on: bool
) -> None:
    window, view = app.window, app.window.pane.view
    steps = [assistant(f"Step {number}.", id=f"m{number}", uuid=f"s{number}", seconds=9) for number in range(80)]
    late = assistant("Late needle.", id="late", uuid="late", seconds=9)
    whole, live = tmp_path / "whole.jsonl", tmp_path / "live.jsonl"
    whole.write_bytes(lines(user("go"), *steps, late))
    live.write_bytes(lines(user("go"), *steps))
    window.open_path(str(whole))
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length == 82)
    wanted = view.item(81).id
    window.open_path(str(live))
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length == 81)
    assert find(app, qtbot, "tour")
    hits = window.search.list.hits
    hit = next(one for row in range(hits.rowCount()) if (one := hits.index(row).data(HitRole)) is not None)
    view.scroll_by(-2_000)
    window.on_hit(replace(hit, session=str(live), item=wanted), go=False)
    if goes_on:
        view.scroll_by(-40)
    before = view.place()
    with live.open("ab") as file:
        file.write(lines(late))
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length == 82)
    if goes_on:
        assert view.place() == before
    else:
        qtbot.waitUntil(lambda: view.currentIndex().row() == 81)
        assert view.place() != before


def test_what_is_no_query_is_said_and_nothing_found_offers_a_way_on(app: App, qtbot: QtBot) -> None:
    app.window.actions_["search"].trigger()
    page = app.window.search
    assert all(button.isVisible() for button in page.examples)
    with qtbot.waitSignal(page._asker.refused):
        page.box.setText("is:nonsense")
    assert page.note.isVisible()
    assert find(app, qtbot, "zzzyyyxxx") == 0
    assert "zzzyyyxxx" in page.note.text()
    assert all(button.isVisible() for button in page.examples)
    for button in page.examples:  # each of them is a query
        with qtbot.waitSignal(page._asker.answered):
            button.click()


def test_a_filter_without_a_session_leads_to_the_search(app: App, qtbot: QtBot) -> None:
    window = app.window
    with qtbot.waitSignal(window.search._asker.answered):
        window.sessions.filter_box.setText("tour")
        window.sessions.text_button.click()
    assert window.left.currentWidget() is window.search
    assert window.search.list.hits.rowCount()


def test_failures_are_found_by_one_key_and_commands_are_copied(app: App, qtbot: QtBot, tmp_path: Path) -> None:
    window, view = app.window, app.window.pane.view
    window.open_path(str(tmp_path / "tour.jsonl"))
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length > 10)
    model = view.timeline
    assert model is not None
    qtbot.waitUntil(lambda: window.desk.current is not None and window.desk.current.header is not None)
    bad = [
        row for row, item in enumerate(model.items(0, model.length))
        if (isinstance(item, Tool) and item.status == "failed") or (isinstance(item, Notice) and item.level == "error")
    ]  # fmt: skip
    view.set_current(0)
    view.setFocus()
    below = [row for row in bad if row > 0]  # the view is at row 0
    assert below
    for row in below:
        qtbot.keyClick(view, Qt.Key.Key_E)
        qtbot.waitUntil(lambda row=row: view.currentIndex().row() >= row)  # type: ignore[misc]
        assert view.currentIndex().row() == row
    commands = [copying.command(item) for item in model.items(0, model.length)]
    assert any(commands)
    row = next(row for row, command in enumerate(commands) if command)
    texts = [action.text() for action in view.context_menu(row).actions()]
    assert "Copy command" in texts


def test_of_two_looks_for_a_failure_the_later_one_leads(
    app: App, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever is answered first, and also when the other one cannot be."""
    window, view = app.window, app.window.pane.view
    window.open_path(str(tmp_path / "tour.jsonl"))
    qtbot.waitUntil(lambda: view.timeline is not None and view.timeline.length > 10)
    model = view.timeline
    assert model is not None
    (first, *_) = [row for row, item in enumerate(model.items(0, model.length)) if failed(item)]
    answers: list[bool] = []
    answer, looks = Job.answer, [threading.Event(), threading.Event()]

    def answered(self: Job) -> None:
        answer(self)
        answers.append(True)

    def slow(apart: Apart, by: int, gates: list[threading.Event]) -> ItemId | None:
        gate = gates.pop(0)
        assert gate.wait(30)
        if gates:
            raise StoreError("The database is busy.")
        return apart.failure(by)[1].id  # type: ignore[index]

    monkeypatch.setattr(Job, "answer", answered)
    for broken in (True, False):
        gates = looks[: 1 + broken]
        monkeypatch.setattr("viewer.failures.far", lambda apart, by, gates=gates: slow(apart, by, gates))
        answers.clear()
        view.set_current(0)
        window.on_next_failure()
        qtbot.waitUntil(lambda gates=gates, broken=broken: len(gates) == broken)  # type: ignore[misc]
        if not broken:  # behind the last row there is nothing to look for
            view.set_current(model.length - 1)
        window.on_next_failure()
        for count, gate in enumerate(looks[: 1 + broken]):
            gate.set()
            qtbot.waitUntil(lambda count=count: len(answers) > count)  # type: ignore[misc]
            gate.clear()
        assert view.currentIndex().row() == (first if broken else model.length - 1)
