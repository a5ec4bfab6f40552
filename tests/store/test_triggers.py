"""What a trigger is: its fields, filter, prompt and secret, and what a payload would lead to. No agent is started."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import keyring
import orjson
import pytest
from hooks import SECRET, comment, signed
from hypothesis import given, settings
from hypothesis import strategies as some
from keyring.backend import KeyringBackend

from store import secrets
from store.db.serving import ask
from store.filters import conditions, missed, parsed
from store.judge import judged
from store.prompts import MOST, filled, shortened
from store.settings import Settings
from store.trigger import Trigger, checked, flag
from store.triggers import (
    blank,
    delete_trigger,
    deliveries,
    find,
    hook_path,
    list_triggers,
    preview,
    save_trigger,
    set_enabled,
)
from store.webhooks.base import Event

EVENT = Event("github", "pull_request", "opened", "Ada", ("Ada", "7"), repo="ada/project", branch="fix/lock")
LABELS = [{"name": "bug"}, {"name": "ui"}]
PAYLOAD = {"pull_request": {"draft": False, "n": 3, "base": {"ref": "main"}, "labels": LABELS}}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "data" / "playhead.db"


@pytest.fixture
def values(tmp_path: Path) -> dict[str, object]:
    return {"name": "Review bot", "cwd": str(tmp_path), "prompt": "{{comment.body}}"}


# ---- filters: 003-30


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({}, ""),
        ({"event": "pull_request"}, ""),
        ({"event_type": "pull_*"}, ""),
        ({"event": "issues"}, "event is pull_request, not issues."),
        ({"action": ["opened", "closed"]}, ""),
        ({"action": "!opened"}, "action is opened, not !opened."),
        ({"action": ["!closed", "!edited"]}, ""),
        ({"sender": "ada"}, ""),
        ({"sender": "7"}, ""),
        ({"repo": "ada/*", "branch": "fix/*", "key": "github:*"}, ""),
        ({"pull_request.base.ref": "main"}, ""),
        ({"pull_request.draft": "false", "pull_request.n": 3}, ""),
        ({"pull_request.labels[*].name": "ui"}, ""),
        ({"pull_request.labels[0].name": "ui"}, "is bug, not ui."),
        ({"pull_request.nothing": "x"}, "pull_request.nothing is nothing, not x."),
        ({"pull_request": "*"}, "is nothing"),
    ],
)
def test_filters_say_why(wanted: dict[str, Any], words: str) -> None:
    """003-30."""
    found = conditions(parsed(wanted), EVENT, PAYLOAD, "github:ada/project:pr:3")
    assert len(found) == len(wanted)
    assert words in missed(found) if words else missed(found) == ""
    assert all(one.told for one in found)


@pytest.mark.parametrize("wanted", [[], "x", {"a": {}}, {"a": []}, {"": "x"}, {"a": [[]]}])
def test_what_is_no_filter(wanted: object) -> None:
    with pytest.raises(ValueError, match=r"needed|A filter is"):
        parsed(wanted)


# ---- prompts: 003-29


def test_fields_are_filled_in_and_never_looked_into_again() -> None:
    text = "{{ event }} {{action}} {{pull_request.base.ref}} {{pull_request.n}} {{title}} {{x.y}}"
    payload = {**PAYLOAD, "title": "{{secret}} \0 {{event}}"}
    found = filled(text, EVENT, payload)
    assert found.text == "pull_request opened main 3 {{secret}} � {{event}} [no x.y]"
    assert found.missing == ("x.y",)
    assert json.loads(filled("{{pull_request.base}}", EVENT, PAYLOAD).text) == {"ref": "main"}


def test_a_long_text_says_what_is_missing() -> None:
    found = filled("{{title}}", EVENT, {"title": "word " * 1_000}, limit=300)
    assert found.text.endswith("more characters]")
    assert len(found.text) < 340
    assert "of 5,000 characters" in found.cut


def test_a_real_payload_is_shortened_by_whole_fields() -> None:
    """003-29."""
    payload = orjson.loads(comment(text="Fix it", rest={"a": ["x" * 500] * 100, "b_url": "https://"}))
    told, cut = shortened(payload, 4_000)
    found = json.loads(told)
    assert (found["comment"]["body"], found["issue"]["number"]) == ("Fix it", 12)
    assert "limit 4,000" in cut
    assert shortened(payload, MOST)[1] == ""


values_ = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**53), 2**53) | some.text(max_size=60),
    lambda inner: some.lists(inner, max_size=8) | some.dictionaries(some.text(max_size=12), inner, max_size=8),
    max_leaves=40,
)


@settings(max_examples=30)
@given(values_, some.integers(30, 2_000))
def test_json_is_never_cut_in_the_middle(value: object, limit: int) -> None:
    """003-29."""
    told, cut = shortened(value, limit)
    json.loads(told)
    assert len(told) <= max(limit, 2)
    assert cut or json.loads(told) == value


# ---- fields


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"name": ""}, "name", "needed"),
        ({"name": "a\nb"}, "name", "One line"),
        ({"name": "x" * 201}, "name", "200"),
        ({"source": "carrier pigeon"}, "source", "One of"),
        ({"prompt": " "}, "prompt", "needed"),
        ({"prompt": "a\0"}, "prompt", "NUL"),
        ({"cwd": "project"}, "cwd", "whole path"),
        ({"cwd": "/nowhere/at/all"}, "cwd", "no folder"),
        ({"runner": "emacs"}, "runner", "no runner"),
        ({"runner": "shell"}, "runner", "runner shell"),
        ({"permission": "root"}, "permission", "one of"),
        ({"timeout_s": 0}, "timeout_s", "From 1"),
        ({"timeout_s": "soon"}, "timeout_s", "whole number"),
        ({"max_parallel": True}, "max_parallel", "whole number"),
        ({"payload_limit": 10**8}, "payload_limit", "100,000"),
        ({"resume_sessions": "perhaps"}, "resume_sessions", "On or off"),
        ({"filter": "{"}, "filter", "JSON"),
        ({"key_path": "a b..c"}, "key_path", "dots"),
        ({"source": "generic", "resume_sessions": True}, "key_path", "data.ticket.id"),
        ({"source": "schedule"}, "schedule", "When"),
        ({"source": "schedule", "schedule": "now and then"}, "schedule", "time of day"),
        ({"source": "file", "watch_path": "x"}, "watch_path", "whole path"),
        ({"colour": "red"}, "colour", "no colour"),
    ],
)
def test_a_wrong_field_is_named(values: dict[str, object], given: dict[str, object], field: str, words: str) -> None:
    """003-25: and nothing is saved."""
    _, errors = checked({**values, **given}, Trigger())
    assert words in errors[field]


@pytest.mark.parametrize(("value", "wanted"), [(True, True), ("true", True), (1, True), ("on", True), ("0", False)])
def test_flags(value: object, wanted: bool) -> None:
    """003-25."""
    assert flag(value) is wanted


def test_a_trigger_is_kept(db: Path, values: dict[str, object], tmp_path: Path) -> None:
    """003-01, 003-92, S-01: off unless the setting says so; a name twice has another address."""
    saved = save_trigger(db, {**values, "filter": {"action": "created"}, "own_authors": "bot, me"})
    one = saved.trigger
    assert one is not None
    assert (one.slug, one.resume_sessions, one.own_authors) == ("review-bot", False, ("bot", "me"))
    assert hook_path(one) == "/hooks/review-bot"
    assert len(saved.secret) == 64
    again = save_trigger(db, values)
    assert again.trigger is not None
    assert again.trigger.slug == "review-bot-2"
    changed = save_trigger(db, {"resume_sessions": "on"}, one.id)
    assert changed.trigger is not None
    assert changed.secret == ""
    assert find(db, one.id).resume_sessions
    assert find(db, "review-bot").filter == {"action": ("created",)}
    set_enabled(db, one.id, False)
    assert [(row.slug, row.enabled) for row in list_triggers(db)] == [("review-bot", False), ("review-bot-2", True)]
    settings = Settings(tmp_path / "settings.toml")
    assert not blank(settings).resume_sessions
    settings.put({"threads.default_resume": True})
    assert blank(settings).resume_sessions
    assert find(db, "review-bot-2").resume_sessions is False
    delete_trigger(db, one.id)
    assert [row.slug for row in list_triggers(db)] == ["review-bot-2"]
    told = [(actor, action) for actor, action in ask(db, "SELECT actor, action FROM audit ORDER BY id")]
    assert [action for _, action in told] == [
        "trigger added", "trigger added", "trigger changed", "trigger switched off", "trigger deleted"
    ]  # fmt: skip


# ---- secrets


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.forgets = False

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if not self.forgets:
            self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.kept.pop((service, username), None)


@pytest.fixture
def ring() -> Any:
    before, own = keyring.get_keyring(), Ring()
    keyring.set_keyring(own)
    yield own
    keyring.set_keyring(before)


def test_a_secret_lies_in_the_keyring(db: Path, values: dict[str, object], ring: Ring) -> None:
    saved = save_trigger(db, values, secret="heliotrope")  # noqa: S106 - of a test
    assert saved.trigger is not None
    assert "keyring" in saved.told
    assert list(ring.kept.values()) == ["heliotrope"]
    assert secrets.fetch(db, saved.trigger.secret_ref) == "heliotrope"
    assert b"heliotrope" not in b"".join(path.read_bytes() for path in db.parent.iterdir())
    delete_trigger(db, saved.trigger.id)
    assert ring.kept == {}


def test_without_a_keyring_it_is_a_file_for_the_user_alone(
    db: Path, values: dict[str, object], ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.forgets = True  # some keep nothing and say nothing
    saved = save_trigger(db, values, secret="heliotrope")  # noqa: S106 - of a test
    assert saved.trigger is not None
    file = db.with_name("secrets.json")
    assert str(file) in saved.told
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secrets.fetch(db, saved.trigger.secret_ref) == "heliotrope"
    ring.forgets = False
    moved = save_trigger(db, {}, saved.trigger.id, secret="again")  # noqa: S106 - of a test
    assert moved.trigger is not None
    assert secrets.fetch(db, moved.trigger.secret_ref) == "again"
    assert orjson.loads(file.read_bytes()) == {}
    monkeypatch.setenv("HOOK_SECRET", "violet")
    own = save_trigger(db, {}, saved.trigger.id, secret="env:HOOK_SECRET")  # noqa: S106 - of a test
    assert own.trigger is not None
    assert secrets.fetch(db, own.trigger.secret_ref) == "violet"
    assert ring.kept == {}


# ---- what it would lead to


def look(values: Mapping[str, object], body: bytes, **more: object) -> Any:
    trigger, errors = checked({**values, "resume_sessions": True, **more}, Trigger())
    assert errors == {}
    headers = {"X-GitHub-Event": "issue_comment", "X-Hub-Signature-256": f"sha256={signed(body)}"}
    return preview(trigger, body, headers, SECRET)


def test_a_preview_is_what_would_run(values: dict[str, object]) -> None:
    """003-07, 003-30: key, filter, prompt and command; nothing is started."""
    found = look(values, comment(text="--help; rm -rf /"), filter={"action": "created"}, permission="plan")
    assert (found.verdict, found.key) == ("accepted", "github:ada/project:pr:12")
    assert "issue.number" in found.how
    assert [one.fits for one in found.conditions] == [True]
    assert found.prompt == "--help; rm -rf /"
    assert found.stdin == b"--help; rm -rf /"
    assert not any("rm -rf" in word for word in found.command)
    assert found.why_no_resume == ""


@pytest.mark.parametrize(
    ("body", "more", "verdict", "words"),
    [
        (comment(login="Bot"), {"own_authors": "bot"}, "skipped", "own accounts"),
        (comment(), {"filter": {"event": "issues"}}, "skipped", "not issues"),
        (comment(), {"enabled": False}, "skipped", "switched off"),
        (comment(), {"key_path": "repository"}, "refused", "no text"),
        (b"[1]", {}, "refused", "no JSON object"),
        (b'{"a": ', {}, "refused", "no JSON object"),
        (b"\xff\xfe", {}, "refused", "no JSON object"),
        (b"[" * 100_000, {}, "refused", "no JSON object"),
        (b"", {}, "refused", "no JSON object"),
    ],
)
def test_what_would_not_run(
    values: dict[str, object], body: bytes, more: dict[str, object], verdict: str, words: str
) -> None:
    found = look(values, body, **more)
    assert (found.verdict, words in found.reason) == (verdict, True)


def test_a_wrong_signature_is_told(values: dict[str, object]) -> None:
    trigger, _ = checked(values, Trigger())
    found = preview(trigger, comment(), {}, SECRET)
    assert (found.verdict, "no signature" in found.signature) == ("refused", True)


def test_pings_and_forms_of_github(values: dict[str, object]) -> None:
    trigger, _ = checked(values, Trigger())
    assert "ping" in judged(trigger, {"x-github-event": "ping"}, b'{"zen": "x"}').reason
    form = f"payload={quote(json.dumps({'issue': {'number': 5}, 'repository': {'full_name': 'a/b'}}))}".encode()
    found = judged(trigger, {"content-type": "application/x-www-form-urlencoded"}, form)
    assert found.key == "github:a/b:issue:5"


def test_an_empty_log(db: Path) -> None:
    assert deliveries(db) == ()
    assert list_triggers(db) == ()
