"""Archiving, deleting and restoring in the window: what may be done, what is asked, what the list then shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from builders import answer, assistant, call, lines, user
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QInputDialog, QMessageBox
from pytestqt.qtbot import QtBot

from store.about import closed
from store.archive import archive
from store.db.search import catch_up as catch_up_index
from store.delta import Row, SessionsDelta, Spent
from store.figures import catch_up
from store.intake import take_in
from store.live import Live
from store.paths import data_dir
from store.search import Search
from store.settings import Settings
from store.states import Closed
from store.titles import names
from viewer import asking, theme
from viewer.jobs import Jobs
from viewer.keeping import Keeping
from viewer.place import Places
from viewer.sessions.model import ClosedRole, SessionRole, SpentRole
from viewer.window import MainWindow


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "one.jsonl"
    path.write_bytes(lines(user("go"), assistant(call("Bash")), answer("ok", seconds=3)))
    return path


@pytest.fixture
def window(tmp_path: Path, qtbot: QtBot, session: Path) -> Iterator[MainWindow]:
    """With two sessions in its list, none of them open."""
    live = Live()
    jobs = Jobs()
    made = MainWindow(live, Settings(tmp_path / "settings.toml"), Places(None), jobs, theme.make_look("light"))
    qtbot.addWidget(made)
    made.show()
    other = session.with_name("two.jsonl")
    other.write_bytes(session.read_bytes())
    made.on_sessions(SessionsDelta(put=(row(session, 2), row(other, 1)), total=2))
    yield made
    jobs.shutdown()
    live.shutdown()


def row(path: Path, updated: int, state: str = "ended") -> Row:
    return Row(str(path), "claude-code", path.stem, "/w/demo", "demo", updated=updated, path=str(path), state=state)


def listed(window: MainWindow) -> list[str]:
    model = window.sessions.sessions
    found = (model.index(number).data(SessionRole) for number in range(model.rowCount()))
    return [row.title for row in found if row is not None]


def choose(window: MainWindow, path: Path, text: str) -> QAction:
    """The line of a session's menu."""
    (found,) = [action for action in window.sessions.menu_for(str(path)).actions() if action.text() == text]
    return found


def agree(monkeypatch: pytest.MonkeyPatch, name: str) -> list[QMessageBox]:
    """Whoever is asked presses that button."""
    asked: list[QMessageBox] = []

    def press(box: QMessageBox) -> int:
        asked.append(box)
        next(button for button in box.buttons() if button.text().replace("&", "") == name).click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", press)
    return asked


def test_archive_delete_undo_from_the_list(
    window: MainWindow, session: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Archiving is asked, as it is for ever; deleting is not, and is taken back with the button that says so."""
    asked = agree(monkeypatch, "Archive")
    before = session.read_bytes()
    shelf = window.shelf
    with qtbot.waitSignal(shelf.moved, timeout=30_000):
        choose(window, session, "Archive…").trigger()
    assert "cannot be undone" in asked[0].informativeText()
    index = window.sessions.sessions.index_of(str(session))
    assert index.data(ClosedRole) == Closed("archived")
    assert "archived" in window.sessions.sessions.data(index, 11)  # what a screen reader says
    with qtbot.waitSignal(shelf.moved, timeout=30_000):
        choose(window, session, "Delete").trigger()
    assert len(asked) == 1
    assert listed(window) == ["two"]
    assert "1 deleted" in window.sessions.footer.text()
    window.sessions.set_filter("is:deleted")
    assert listed(window) == ["one"]
    assert window.notice.text.accessibleName() == "Done", "no trouble: it is what was wanted"
    with qtbot.waitSignal(shelf.moved, timeout=30_000):
        window.notice.button.click()
    window.sessions.set_filter("")
    assert listed(window) == ["one", "two"]
    undo = window.actions_["undo"]
    assert (undo.text(), undo.isEnabled()) == ("Undo", False), "its button has taken it back: once"
    with qtbot.waitSignal(shelf.moved, timeout=30_000):
        choose(window, session, "Delete").trigger()
    window.notice.close_button.click()  # the menu and its key know it for as long as the window is open
    assert (undo.text(), undo.isEnabled()) == ("Undo deletion of “one”", True)
    with qtbot.waitSignal(shelf.moved, timeout=30_000):
        qtbot.keyClick(window.sessions.list, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert listed(window) == ["one", "two"]
    assert not undo.isEnabled()
    with qtbot.waitSignal(shelf.moved, timeout=30_000):
        choose(window, session, "Delete").trigger()
    with qtbot.waitSignal(shelf.moved, timeout=30_000):
        shelf.do("restore", str(session))  # taken back in another way
    assert not undo.isEnabled()
    assert closed(data_dir() / "playhead.db") == {str(session): Closed("archived")}
    assert session.read_bytes() == before


def test_costs_come_with_the_list_and_again_after_an_import(window: MainWindow, session: Path, qtbot: QtBot) -> None:
    """Read by a worker, in one statement for all; a database that is not there yet knows of none."""
    model, db = window.sessions.sessions, data_dir() / "playhead.db"
    assert window.spending.loads == 1
    keeping = Keeping(window.live, list, lambda: False, window)
    window.keep(keeping)
    keeping.ran.emit(True, False)
    take_in(db, session)
    catch_up(db, lambda *_: 7)
    keeping.ran.emit(False, False)
    qtbot.waitUntil(lambda: model.index_of(str(session)).data(SpentRole) is not None, timeout=30_000)
    assert model.index_of(str(session)).data(SpentRole).cost == 7
    assert window.spending.loads == 2
    window.open_path(str(session))
    window.spending.found.emit({str(session): Spent(1_280_000)})
    assert (window.header.cost.text(), window.header.cost.toolTip()) == ("$1.28", "Cost $1.28")
    window.desk.close_session(str(session))
    assert window.header.cost.text() == ""


def test_who_says_no_keeps_it(window: MainWindow, session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agree(monkeypatch, "Cancel")
    choose(window, session, "Archive…").trigger()
    assert closed(data_dir() / "playhead.db") == {}
    assert window.shelf.refusal("archive", str(session)) == ""


def test_what_cannot_be_done_is_disabled_and_says_why(window: MainWindow, session: Path, qtbot: QtBot) -> None:
    """In the menu of a session, in the window's menu, and for a stream and a draft."""
    for text, why in (("Delete", "Archive it first."), ("Restore", "It is not deleted.")):
        action = choose(window, session, text)
        assert (action.isEnabled(), action.toolTip()) == (False, why)
    assert choose(window, session, "Archive…").isEnabled()
    assert window.sessions.menu_for(str(session)).toolTipsVisible()
    draft = row(session.with_name("draft.jsonl"), 1, "draft")
    assert "nothing in it" in window.shelf.refusal("archive", draft.path, draft)
    assert "stream" in window.shelf.refusal("archive", "run:1")
    for name in ("archive", "fork", "delete", "restore"):
        assert (window.actions_[name].isEnabled(), window.actions_[name].toolTip()) == (False, "No session is open.")
    window.open_path(str(session))
    qtbot.waitUntil(lambda: window.actions_["archive"].isEnabled(), timeout=30_000)
    assert window.actions_["delete"].toolTip() == "Archive it first."


def test_the_open_session_by_its_commands(
    window: MainWindow, session: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X-03: it stays open as it was archived, and what its agent writes then is counted where it is shown."""
    agree(monkeypatch, "Archive")
    window.open_path(str(session))
    with qtbot.waitSignal(window.shelf.moved, timeout=30_000):
        window.actions_["archive"].trigger()

    def told() -> str:
        header = window.desk.current and window.desk.current.header
        return f"{header.state} {header.trouble}" if header else ""

    qtbot.waitUntil(lambda: told().startswith("archived"), timeout=30_000)
    assert window.header.state.text() == "archived"
    with session.open("ab") as file:
        file.write(lines(user("late", uuid="u9", seconds=9)))
    qtbot.waitUntil(lambda: "came later" in told(), timeout=30_000)
    with qtbot.waitSignal(window.shelf.command, timeout=30_000):
        window.actions_["fork"].trigger()
    line = QGuiApplication.clipboard().text()
    assert line.startswith("cd /w/demo && claude --resume ")
    assert line.endswith(" --fork-session")
    with qtbot.waitSignal(window.shelf.moved, timeout=30_000):
        window.actions_["delete"].trigger()
    assert window.desk.opened(str(session)) is None


def test_archived_sessions_alone(window: MainWindow, session: Path, qtbot: QtBot) -> None:
    """One command, which shows as text in the filter and goes with it."""
    archive(data_dir() / "playhead.db", session)
    window.shelf.load()
    qtbot.waitUntil(lambda: bool(window.shelf.closed), timeout=30_000)
    window.actions_["archived"].trigger()
    assert (listed(window), window.sessions.filter_box.text()) == (["one"], "is:archived")
    window.sessions.filter_box.clear()
    assert not window.actions_["archived"].isChecked()
    assert listed(window) == ["one", "two"]


def test_a_failure_is_said_and_nothing_is_left_half_done(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    gone = tmp_path / "gone.jsonl"
    window.on_sessions(SessionsDelta(put=(row(gone, 3),)))
    window.shelf.do("archive", str(gone))
    assert window.shelf.refusal("archive", str(gone)) == "It is being done."
    qtbot.waitUntil(lambda: "is not in the database" in window.notice.text.text(), timeout=30_000)
    assert window.shelf.refusal("archive", str(gone)) == ""


def test_the_question_says_what_its_agent_does(window: MainWindow) -> None:
    assert "goes on, but not here" in asking.archiving(window, at_work=True).informativeText()
    assert "at work" not in asking.archiving(window, at_work=False).informativeText()


def test_a_session_is_called_what_the_user_calls_it(window: MainWindow, session: Path, qtbot: QtBot) -> None:
    """In list, header and search, also when its agent calls it something else later; Ctrl+Z takes it back."""
    window.open_listed(str(session))
    qtbot.waitUntil(lambda: window.desk.current is not None and window.desk.current.header is not None, timeout=30_000)
    agents = window.header.title.text()
    window.actions_["rename"].trigger()
    (box,) = window.findChildren(QInputDialog)
    assert box.textValue() == "one"
    asked = window.naming._asked
    box.accept()  # as it was: no name of the user's, or its agent could never give it a better one
    assert window.naming._asked == asked
    qtbot.waitUntil(lambda: not window.findChildren(QInputDialog))
    window.actions_["rename"].trigger()
    (box,) = window.findChildren(QInputDialog)
    with qtbot.waitSignal(window.naming.renamed, timeout=30_000):
        box.setTextValue("  the flaky\u202e test ")
        box.accept()
    assert listed(window) == ["the flaky\u202e test", "two"]
    assert window.header.title.text() == "the flaky⟨RLO⟩ test"  # names hide nothing either
    window.on_sessions(SessionsDelta(put=(row(session, 3),)))
    assert listed(window) == ["the flaky\u202e test", "two"]
    db = data_dir() / "playhead.db"
    take_in(db, session, anew=True)
    assert names(db) == {str(session): "the flaky\u202e test"}
    catch_up_index(db)
    with closing(Search(db)) as search:
        assert {hit.title for hit in search.find("go").hits} == {"the flaky\u202e test"}
    assert window.actions_["undo"].text().startswith("Undo renaming to “the flaky")
    with qtbot.waitSignal(window.naming.changed, timeout=30_000):
        window.actions_["undo"].trigger()
    assert listed(window) == ["one", "two"]
    assert window.header.title.text() == agents
    assert names(db) == {}
    assert not window.actions_["undo"].isEnabled()


def test_a_name_that_was_long_in_coming_is_not_lost(window: MainWindow, session: Path, qtbot: QtBot) -> None:
    """The list was asked for behind it, and was answered before it: that answer knows nothing of the name."""
    db, naming = data_dir() / "playhead.db", window.naming
    take_in(db, session)
    with closing(sqlite3.connect(db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        naming.rename(str(session), "mine")
        with qtbot.waitSignal(naming.changed, timeout=30_000):
            naming.load()
        assert naming.names == {}
        with qtbot.waitSignal(naming.renamed, timeout=30_000):
            other.execute("ROLLBACK")
    assert listed(window) == ["mine", "two"]
    assert "“mine”" in window.actions_["undo"].toolTip()


def test_back_does_not_lead_to_what_was_deleted(window: MainWindow, session: Path, qtbot: QtBot) -> None:
    other = str(session.with_name("two.jsonl"))
    window.open_listed(str(session))
    window.open_listed(other)
    assert window.actions_["back"].isEnabled()
    for action in ("archive", "delete"):
        with qtbot.waitSignal(window.shelf.moved, timeout=30_000):
            window.shelf.do(action, str(session))
    window.actions_["back"].trigger()
    assert window.desk.current is not None
    assert window.desk.current.key == other
    assert not window.actions_["back"].isEnabled()
