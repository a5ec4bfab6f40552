"""The triggers' page: its form with every field, the preview, deliveries of a real receiver, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hooks import Web, agents, comment
from panel_kit import Panel, trigger
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from store import settings as st
from store.paths import data_dir
from store.settings import Settings
from store.trigger import FIELDS
from store.triggers import hook_path, list_triggers
from viewer.panel import fields
from viewer.panel.form_fields import shown_for
from viewer.panel.trigger_form import TriggerForm


@pytest.fixture
def panel(qtbot: QtBot, tmp_path: Path) -> Iterator[Panel]:
    made = Panel(qtbot, data_dir() / "playhead.db", Settings(tmp_path / "settings.toml"))
    yield made
    made.jobs.shutdown()


def form(panel: Panel) -> TriggerForm:
    """The form of a new trigger."""
    panel.open(1)
    panel.until(lambda: panel.panel.triggers._offers)
    panel.press(panel.panel.triggers.new_button)
    return panel.panel.triggers.form


def box(made: TriggerForm, name: str) -> QCheckBox:
    widget = made.fields[name].widget
    assert isinstance(widget, QCheckBox)
    return widget


def test_a_first_trigger_is_made_with_the_form(panel: Panel, tmp_path: Path) -> None:
    """Every field of a trigger is in the form; what is wrong is said at its field; its secret is shown once."""
    made = form(panel)
    assert set(made.fields) == set(FIELDS)
    panel.press(made.save_button)
    panel.until(lambda: made.error.isVisible())
    wrong = {name for name, field in made.fields.items() if field.error.isVisible()}
    assert wrong == {"name", "cwd", "prompt"}
    assert list_triggers(panel.db) == ()
    panel.qtbot.keyClicks(made.fields["name"].widget, "review-bot")
    panel.qtbot.keyClicks(made.fields["cwd"].widget, str(tmp_path))
    panel.qtbot.keyClicks(made.fields["filter"].widget, "action: opened, created")
    panel.qtbot.keyClicks(made.fields["own_authors"].widget, "acme-bot")
    made.fields["prompt"].write("Review {{issue.title}}")
    panel.qtbot.keyClick(made.fields["prompt"].widget, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    panel.says("review-bot is saved")
    (row,) = list_triggers(panel.db)
    assert (row.name, row.own_authors, row.filter) == ("review-bot", ("acme-bot",), {"action": ("opened", "created")})
    assert row.secret_ref
    panel.press(panel.panel.toast.button)  # Copy the secret
    assert len(QGuiApplication.clipboard().text()) == 64
    page = panel.panel.triggers
    panel.until(lambda: page.model.rowCount() == 1)
    assert [page.model.index(0, column).data() for column in (0, 1, 5, 6, 7)] == [
        "review-bot", "GitHub", "no", "on", hook_path(row)
    ]  # fmt: skip


def test_the_default_for_new_triggers_counts_for_new_ones_only(panel: Panel, tmp_path: Path) -> None:
    """S-01, P-10: switched on in the first page, a new one starts checked; the one that is there does not."""
    old = trigger(panel.db, tmp_path, resume_sessions=False)
    panel.open()
    card = panel.overview.resume
    panel.qtbot.keyClick(card.resume, Qt.Key.Key_Space)
    panel.press(card.apply_button)
    panel.until(lambda: panel.settings[st.RESUME_NEW])
    made = form(panel)
    assert box(made, "resume_sessions").isChecked()
    assert "go on in one session" in made.fields["resume_sessions"].about.text()
    panel.press(made.cancel_button)
    page = panel.panel.triggers
    panel.until(lambda: page.model.rowCount() == 1)
    page.table.select_id(old.id)
    panel.press(page.edit_button)
    assert not box(made, "resume_sessions").isChecked()
    assert not list_triggers(panel.db)[0].resume_sessions


def test_resume_is_disabled_with_the_reason(panel: Panel) -> None:
    """003-65: for scripts and for runners that cannot; and fields without a meaning are not shown."""
    made = form(panel)
    resume = made.fields["resume_sessions"]
    box(made, "resume_sessions").setChecked(True)
    made.fields["action"].write("script")
    assert (resume.widget.isEnabled(), box(made, "resume_sessions").isChecked()) == (False, False)
    assert resume.about.text() == "Not possible: A script has no session to go on with."
    assert not made.fields["runner"].isVisible()
    made.fields["action"].write("prompt")
    assert resume.widget.isEnabled()
    cannot = [offer for offer in panel.panel.triggers._offers if offer.no_resume]
    assert cannot
    made.fields["runner"].write(cannot[0].name)
    assert not resume.widget.isEnabled()
    assert cannot[0].no_resume in resume.about.text()
    for source in ("schedule", "file", "generic", "hand", "linear"):
        made.fields["source"].write(source)
        shown = {name for name, field in made.fields.items() if not field.isHidden()}
        assert shown == shown_for(source, "prompt") - {"secret"}
        assert made.secret.isHidden() == ("secret" not in shown_for(source, "prompt"))


def test_a_program_that_is_missing_is_said(panel: Panel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """X-10: in the form, with what to do."""
    from store import runs_shell

    monkeypatch.setenv("SHELL", "/bin/sh")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    runs_shell.forget()
    made = form(panel)
    made.fields["runner"].write("codex")
    panel.until(lambda: "was not found on your PATH" in made.fields["runner"].about.text())
    runs_shell.forget()


def test_the_preview_says_verdict_key_filter_prompt_and_command(panel: Panel, tmp_path: Path) -> None:
    """003-07, 003-30: as the form stands, a moment after the last change; nothing is started for it."""
    made = form(panel)
    for name, value in (("name", "x"), ("cwd", str(tmp_path)), ("prompt", "Do: {{comment.body}}")):
        made.fields[name].write(value)
    box(made, "resume_sessions").setChecked(True)
    view = made.preview
    assert "Paste a payload" in view.verdict.text()
    view.headers.setPlainText("X-GitHub-Event: issue_comment")
    view.payload.setPlainText(comment(text="Say hello; rm -rf /").decode())
    panel.until(lambda: view.found is not None)
    assert view.found is not None
    assert view.verdict.text().startswith("Accepted.")
    assert view.lines["Thread"].text().startswith("github:ada/project:pr:12\n")
    assert "issue.number" in view.lines["Thread"].text()
    assert view.lines["Event"].text() == "issue_comment · created · grace"
    assert view.prompt.toPlainText() == "Do: Say hello; rm -rf /"
    assert "rm -rf" not in view.command.toPlainText()  # a payload is never part of the command line
    panel.qtbot.keyClicks(made.fields["filter"].widget, "action: deleted")
    panel.until(lambda: view.verdict.text().startswith("Skipped."))
    assert "action is created, not deleted." in view.lines["Filter"].text()
    view.payload.setPlainText("{broken")
    panel.until(lambda: view.verdict.text().startswith("Refused.") or "JSON" in view.verdict.text())


def test_switch_edit_and_delete(panel: Panel, tmp_path: Path) -> None:
    """A secret that is set is never shown; deleting asks and says what stays."""
    row = trigger(panel.db, tmp_path)
    panel.open(1)
    page = panel.panel.triggers
    panel.until(lambda: page.model.rowCount() == 1)
    assert page.switch_button.toolTip() == "Choose a trigger below first"  # what cannot be done says why
    assert "no webhook reaches review." in page.receiver.state.text()  # the receiver is off
    page.table.select_id(row.id)
    panel.press(page.switch_button)
    panel.says("review is switched off")
    panel.until(lambda: page.switch_button.text() == "Switch on")
    assert "nothing listens" in page.receiver.state.text()  # and nobody waits for it
    panel.press(page.edit_button)
    secret = page.form.secret.widget
    assert isinstance(secret, QLineEdit)
    assert (secret.text(), secret.placeholderText()) == ("", "Unchanged")
    assert secret.echoMode() == QLineEdit.EchoMode.Password
    page.form.fields["name"].write("review two")
    panel.press(page.form.save_button)
    panel.says("review two is saved")
    assert list_triggers(panel.db)[0].secret_ref == row.secret_ref
    panel.until(lambda: page.model.index(0, 0).data() == "review two")
    panel.press(page.url_button)
    assert QGuiApplication.clipboard().text() == "/hooks/review"
    page.table.setFocus()
    panel.qtbot.keyClick(page.table, Qt.Key.Key_Delete)
    assert "transcripts stay" in panel.asked().informativeText()
    panel.answer("Delete")
    panel.says("review two is deleted")
    assert list_triggers(panel.db) == ()
    panel.until(lambda: page.nothing.isVisible() and "No trigger yet" in page.nothing.text())


def test_a_delivery_is_logged_its_thread_shown_and_its_payload_tried(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P-10, 003-56, 003-95: a webhook through a real port, a run of a scripted agent, and all of it in the panel."""
    web = Web(tmp_path / "data", agents(tmp_path, monkeypatch))
    web.service.start()
    made = Panel(qtbot, web.db, Settings(web.file))
    made.panel.triggers.serving = lambda: web.service
    try:
        row = web.trigger()
        web.sent_and_done()
        web.post(comment(number=13), headers={"X-Hub-Signature-256": "sha256=00"})
        web.until(lambda: len(web.runs_made()) == 1)
        made.open()
        assert made.keys() == ["github:ada/project:pr:12"]
        made.open(1)
        page = made.panel.triggers
        made.until(lambda: "Listening at http://127.0.0.1:" in page.receiver.state.text())
        made.until(lambda: page.log_model.rowCount() == 2)
        verdicts = [page.log_model.index(line, 3).data() for line in range(2)]
        assert verdicts == ["refused", "accepted"]
        assert "signature" in page.log_model.index(0, 5).data()
        page.log.select_id(page.log_model.rows[1].id)
        made.press(page.try_button)
        made.until(lambda: page.form.preview.found is not None)
        assert page.form.preview.lines["Thread"].text().startswith("github:ada/project:pr:12")
        made.press(page.form.cancel_button)
        page.table.select_id(row.id)
        made.press(page.url_button)
        assert QGuiApplication.clipboard().text() == f"http://127.0.0.1:{web.port}/hooks/review"
        made.until(lambda: page.run_button.isEnabled())
        made.press(page.run_button)
        made.says("review: No thread key")
        web.until(lambda: len(web.runs_made()) == 2 and web.service.queue.settled(0))
        assert [run.state for run in web.runs_made()] == ["ok", "ok"]
        made.until(lambda: page.log_model.rowCount() == 3)
    finally:
        web.close()
        made.jobs.shutdown()


def test_the_receiver_card_saves_what_is_right_only(panel: Panel) -> None:
    """Off by default; an address that others can reach is said; a port is a port."""
    panel.open(1)
    card = panel.panel.triggers.receiver
    assert not card.on.isChecked()
    assert "nothing listens" in card.state.text()
    card.port.lineEdit().setText("70000")
    assert not card.apply_button.isEnabled()
    assert "at most 65535" in card.errors[st.RECEIVER_PORT.name].text()
    card.port.lineEdit().setText("9001")
    card.host.setText("0.0.0.0")  # noqa: S104  what must be warned of
    assert card.warning.isVisible()
    panel.qtbot.keyClick(card.on, Qt.Key.Key_Space)
    panel.press(card.apply_button)
    panel.says("3 settings saved")
    again = Settings(panel.settings.path)
    assert (again[st.RECEIVER], again[st.RECEIVER_PORT]) == (True, 9001)


def test_the_form_is_filled_in_with_keys_alone(panel: Panel, tmp_path: Path) -> None:
    """Tab goes as the eye does and out of every field; Enter in a line saves, Escape leaves."""
    made = form(panel)
    panel.qtbot.waitUntil(lambda: made.fields["name"].widget.hasFocus())
    met: list[QWidget] = []
    while (now := QApplication.focusWidget()) is not None and now not in met:
        met.append(now)
        panel.qtbot.keyClick(now, Qt.Key.Key_Tab)
        assert len(met) < 60
    shown = [field.widget for name, field in made.fields.items() if not field.isHidden()]
    for widget in (*shown, made.secret.widget, made.browse_button, made.save_button, made.cancel_button):
        assert any(widget is one or widget.isAncestorOf(one) for one in met) or not widget.isEnabled(), widget
    left = [one.mapTo(made, one.rect().topLeft()) for one in met if made._left.isAncestorOf(one)]
    assert left == sorted(left, key=lambda spot: (spot.y(), spot.x()))
    assert all(one.accessibleName() or getattr(one, "text", str)() for one in met)
    panel.qtbot.keyClick(made.fields["name"].widget, Qt.Key.Key_Escape)
    panel.until(lambda: not made.isVisible())
    assert list_triggers(panel.db) == ()
    panel.press(panel.panel.triggers.new_button)
    for name, value in (("name", "by-keys"), ("cwd", str(tmp_path))):
        panel.qtbot.keyClicks(made.fields[name].widget, value)
    made.fields["prompt"].write("Look")
    made.cancel_button.setFocus()
    panel.qtbot.keyClick(made.cancel_button, Qt.Key.Key_Return)
    assert list_triggers(panel.db) == ()
    made.fields["cwd"].widget.setFocus()
    panel.qtbot.keyClick(made.fields["cwd"].widget, Qt.Key.Key_Return)
    panel.says("by-keys is saved")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("action: opened, created\n\nrepo: acme/*", {"action": ("opened", "created"), "repo": ("acme/*",)}),
        ("labels[*].name: !wip", {"labels[*].name": ("!wip",)}),
        ("no colon", {"no colon": ()}),
        ('{"action": "opened"}', '{"action": "opened"}'),
    ],
)
def test_filter_lines(text: str, found: object) -> None:
    assert fields.filter_of(text) == found


def test_a_filter_survives_the_form() -> None:
    wanted = {"action": ("opened", "created"), "branch": ("!main",)}
    assert fields.filter_of(fields.filter_text(wanted)) == wanted
    assert fields.headers_of("X-GitHub-Event: push\nnonsense\nA: b:c") == {"X-GitHub-Event": "push", "A": "b:c"}
    assert fields.headers_of('{"X-Event": "push"}') == {"X-Event": "push"}
    assert fields.headers_of("{broken") == {}


def test_an_acp_agent_needs_its_command(panel: Panel, tmp_path: Path) -> None:
    """Asked for with this runner only; it refuses every question unless something else is chosen."""
    made = form(panel)
    command = made.fields["command"]
    assert command.isHidden()
    for name, value in (("name", "x"), ("cwd", str(tmp_path)), ("prompt", "Look"), ("runner", "acp")):
        made.fields[name].write(value)
    assert command.isVisible()
    modes = made.fields["permission"].widget
    assert isinstance(modes, QComboBox)
    assert [modes.itemText(row) for row in range(modes.count())] == ["refuse", "read", "edit", "all"]
    panel.press(made.save_button)
    panel.until(lambda: command.error.isVisible())
    assert "such as opencode acp" in command.error.text()
    panel.qtbot.keyClicks(command.widget, "opencode acp")
    panel.press(made.save_button)
    panel.says("x is saved")
    (row,) = list_triggers(panel.db)
    assert (row.runner, row.command, row.permission) == ("acp", "opencode acp", "refuse")
    made.fields["runner"].write("claude-code")
    assert command.isHidden()
    assert made.values()["command"] == ""


def test_resume_is_off_and_stays_as_it_was_set(panel: Panel, tmp_path: Path) -> None:
    """003-01, 003-92: the box of a trigger that is there is off; switched on, it is so in the next window, too."""
    old = trigger(panel.db, tmp_path, resume_sessions=False)
    for before in (False, True):
        made = Panel(panel.qtbot, panel.db, panel.settings) if before else panel
        made.open(1)
        page = made.panel.triggers
        made.until(lambda page=page: page._offers and page.model.rowCount() == 1)  # type: ignore[misc]
        page.table.select_id(old.id)
        made.press(page.edit_button)
        assert box(page.form, "resume_sessions").isChecked() is before
        if not before:
            box(page.form, "resume_sessions").setFocus()
            made.qtbot.keyClick(box(page.form, "resume_sessions"), Qt.Key.Key_Space)
            made.press(page.form.save_button)
            made.says("review is saved")
        else:
            made.jobs.shutdown()
