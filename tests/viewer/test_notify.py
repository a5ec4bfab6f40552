"""Desktop notifications: told once, only while another window is in front, and a click leads to the session."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtTest import QSignalSpy
from pytestqt.qtbot import QtBot

from store.aftermath import Fired
from store.told import Completed, Question
from viewer.notify import Notifier
from viewer.notify_desktop import Sender, desktop
from viewer.notify_runs import FiredRuns

S = 1_000_000


class Screen:
    def __init__(self) -> None:
        self.shown: list[tuple[str, str, str]] = []
        self.click: Callable[[str], None] = lambda _: None

    def show(self, session: str, title: str, text: str, clicked: Callable[[str], None]) -> None:
        self.shown.append((session, title, text))
        self.click = clicked


def test_what_is_told_and_when(qtbot: QtBot) -> None:
    """004-12: finished with its duration, failed, needs an answer; a stop of the user's own is no news."""
    screen, front, on = Screen(), [False], [True]
    notifier = Notifier(lambda: front[0], lambda: on[0], lambda key: f"title of {key}", screen)
    notifier.on_finished("s", Completed("s", "end_turn", 63 * S, 4))
    notifier.on_finished("s", Completed("s", "error", None, 4))
    notifier.on_finished("s", Completed("s", "cancelled", 5 * S, 4))
    asked = Question("s", "7", "i1", "Run rm -rf /?\n")
    notifier.on_question("s", asked)
    notifier.on_question("s", asked)
    assert [text for _, _, text in screen.shown] == [
        "Finished after 1 m 03 s", "Failed", "Needs your answer: Run rm -rf /?"
    ]  # fmt: skip
    assert {title for _, title, _ in screen.shown} == {"title of s"}
    front[0] = True
    notifier.on_finished("s", Completed("s", "end_turn", S, 1))
    front[0], on[0] = False, False
    notifier.on_finished("s", Completed("s", "end_turn", S, 1))
    assert len(screen.shown) == 3
    wanted = QSignalSpy(notifier.wanted)
    screen.click("s")
    qtbot.waitUntil(lambda: wanted.count() == 1)
    assert wanted.at(0) == ["s"]


def test_runs_of_triggers_are_told_of(qtbot: QtBot) -> None:
    """One that ends alone leads to its session; several that end together are one sentence. No news: a stop of the
    user's, and the end of a session that is open, whose turns are told of anyway."""
    screen = Screen()
    runs = FiredRuns(Notifier(lambda: False, lambda: True, str, screen), lambda key: key == "/open")

    def told(*ended: Fired) -> tuple[str, str, str] | None:
        for one in ended:
            runs.take(one)
        before = len(screen.shown)
        if runs.clock.isActive():
            qtbot.waitUntil(lambda: len(screen.shown) > before)
        return screen.shown[-1] if len(screen.shown) > before else None

    runs.clock.setInterval(1)
    good, bad = Fired("review", "ok", "", 4 * S, "/a"), Fired("triage", "timeout", "It was ended after 9 s.")
    assert told(Fired("review", "cancelled", "Stopped by you."), Fired("review", "ok", "", S, "/open")) is None
    assert told(good) == ("/a", "review", "Finished after 4 s")
    assert told(bad) == ("", "triage", "Failed: It was ended after 9 s.")
    assert told(*[good] * 300, bad, bad) == ("", "review, triage", "300 runs finished, 2 failed")
    assert told(good, good) == ("", "review", "2 runs finished")
    assert told(bad, bad) == ("", "triage", "2 runs failed")


def test_without_a_desktop_nothing_is_told(qtbot: QtBot) -> None:
    notifier = Notifier(lambda: False, lambda: True, str)
    assert desktop(notifier) is None
    notifier.on_finished("s", Completed("s", "end_turn", S, 1))


@pytest.mark.parametrize("old", [False, True])
def test_notify_send_gets_words_and_no_markup(old: bool, tmp_path: Path, qtbot: QtBot) -> None:
    """A click is told; an old program that knows no clicks shows it all the same."""
    program, log = tmp_path / "notify-send", tmp_path / "log"
    refuses = '[ "$1" = --action=default=Show ] && exit 1\n' if old else ""
    writes = f'printf "%s\\n" "$@" > "{log}.part"; mv "{log}.part" "{log}"; echo default'
    program.write_text(f"#!/bin/sh\n{refuses}{writes}\n")
    program.chmod(0o755)
    clicked: list[str] = []
    Sender(str(program)).show("s", "--help <b>", "it's $HOME & more", clicked.append)
    qtbot.waitUntil(lambda: log.exists() and (old or bool(clicked)), timeout=30_000)
    assert log.read_text().splitlines()[-3:] == ["--", "--help <b>", "it&#x27;s $HOME &amp; more"]
    assert clicked == ([] if old else ["s"])
    assert os.environ.get("HOME") not in log.read_text()


def test_notifications_that_wait_for_a_click_end_with_the_window(tmp_path: Path, qtbot: QtBot) -> None:
    """One process per session at most, and none when the window is gone."""
    program, log = tmp_path / "notify-send", tmp_path / "pids"
    program.write_text(f"#!/bin/sh\necho $$ >> '{log}'\nexec sleep 600\n")
    program.chmod(0o755)
    sender = Sender(str(program))

    def pids() -> list[int]:
        return [int(pid) for pid in log.read_text().split()] if log.exists() else []

    def gone(pid: int) -> bool:
        return not Path(f"/proc/{pid}").exists()

    for count in (1, 2):
        sender.show("s", "title", "text", lambda _: None)
        qtbot.waitUntil(lambda count=count: len(pids()) == count, timeout=30_000)
    qtbot.waitUntil(lambda: gone(pids()[0]), timeout=30_000)
    assert not gone(pids()[1])
    sender.close()
    qtbot.waitUntil(lambda: gone(pids()[1]), timeout=30_000)
    sender.show("s", "title", "text", lambda _: None)
    assert len(pids()) == 2
