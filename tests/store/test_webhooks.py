"""Webhooks of every sender: signatures against known vectors, threads from payload shapes, unusable keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hooks import comment

from store import webhooks
from store.thread_keys import LONGEST, UnusableError, key_of, usable, values_at
from store.webhooks.base import digest

REPO = Path(__file__).resolve().parents[2]
REAL = REPO.parent / "shared" / "data" / "webhooks" / "github"
NOW = 1_790_000_000.0


def key(sender: str, payload: dict[str, Any], path: str = "", **headers: str) -> tuple[str, str]:
    body = orjson.dumps(payload)
    return key_of(webhooks.named(sender).event(headers, payload, body), payload, path)


# ---- signatures


def test_github_against_the_vector_of_its_documentation() -> None:
    """003-27."""
    secret, body = "It's a Secret to Everybody", b"Hello, World!"
    wanted = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert digest(secret, body) == wanted
    verify = webhooks.named("github").verify
    assert verify({"x-hub-signature-256": f"sha256={wanted}"}, body, secret, NOW) == ""
    for headers in ({}, {"x-hub-signature": wanted}, {"x-hub-signature-256": ""}, {"x-hub-signature-256": "sha256=é"},
                    {"x-hub-signature-256": f"sha256={wanted[:-1]}8"}):  # fmt: skip
        assert verify(headers, body, secret, NOW) != ""
    assert verify({"x-hub-signature-256": f"sha256={wanted}"}, body + b" ", secret, NOW) != ""


@pytest.mark.parametrize(("age", "right"), [(0, True), (60, True), (61, False), (-61, False)])
def test_linear_signs_the_body_and_its_time(age: int, right: bool) -> None:
    """003-27: the header is Linear-Signature."""
    body = json.dumps({"action": "create", "webhookTimestamp": (NOW - age) * 1000}).encode()
    verify, signed = webhooks.named("linear").verify, digest("s", body)
    assert (verify({"linear-signature": signed}, body, "s", NOW) == "") is right
    assert "no signature" in verify({"x-linear-signature": signed}, body, "s", NOW)


@pytest.mark.parametrize(("age", "right"), [(0, True), (300, True), (301, False), (-301, False)])
def test_stripe_has_five_minutes(age: int, right: bool) -> None:
    """003-27; one of several signatures is enough, for a secret that is being replaced."""
    body, at = b'{"id":"evt_1"}', f"{NOW - age:.0f}"
    signed = digest("whsec_x", at.encode() + b"." + body)
    verify = webhooks.named("stripe").verify
    told = verify({"stripe-signature": f"t={at},v1={'0' * 64},v1={signed},v0=nothing"}, body, "whsec_x", NOW)
    assert (told == "") is right
    for header in ("", f"v1={signed}", f"t={at}", f"t=x,v1={signed}", f"t={at},t={at},v1={signed}", "t=1e999,v1=a"):
        assert verify({"stripe-signature": header}, body, "whsec_x", NOW) != ""


def test_clickup_and_others_sign_the_body() -> None:
    """003-27: with or without the prefix; a signed time must be fresh."""
    body = b'{"a": 1}'
    signed = digest("s", body)
    assert webhooks.named("clickup").verify({"x-signature": signed}, body, "s", NOW) == ""
    verify = webhooks.named("generic").verify
    for name in ("x-webhook-signature", "x-signature", "x-hub-signature-256"):
        assert verify({name: signed}, body, "s", NOW) == ""
        assert verify({name: f"sha256={signed}"}, body, "s", NOW) == ""
    stamp = f"{NOW:.0f}"
    timed = digest("s", stamp.encode() + b"." + body)
    assert verify({"x-webhook-timestamp": stamp, "x-signature": timed}, body, "s", NOW + 299) == ""
    assert "300 s" in verify({"x-webhook-timestamp": stamp, "x-signature": timed}, body, "s", NOW + 301)
    assert "wrong" in verify({"x-webhook-timestamp": stamp, "x-signature": signed}, body, "s", NOW)


def test_standard_webhooks() -> None:
    """Their own published vector."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - published
    name, stamp, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
    headers = {"webhook-id": name, "webhook-timestamp": stamp}
    headers["webhook-signature"] = "v1,nothing v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    generic = webhooks.named("generic")
    assert generic.verify(headers, body, secret, 1614265330 + 10) == ""
    assert generic.verify(headers, body, secret, 1614265330 + 301) != ""
    assert generic.verify(headers, body + b" ", secret, 1614265330) != ""
    assert generic.event(headers, orjson.loads(body), body).delivery == name
    plain = base64.b64encode(hmac.new(b"words", f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
    assert generic.verify({**headers, "webhook-signature": f"v1,{plain}"}, body, "words", 1614265330) == ""


# ---- threads


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        (orjson.loads(comment(12)), "github:ada/project:pr:12"),
        (orjson.loads(comment(12, pr=False)), "github:ada/project:issue:12"),
        ({"pull_request": {"number": 5}, "repository": {"full_name": "ada/one"}}, "github:ada/one:pr:5"),
        ({"pull_request": {"number": 5}, "repository": {"full_name": "ada/two"}}, "github:ada/two:pr:5"),
        ({"issue": {"number": 5}, "repository": {"full_name": "ada/one"}}, "github:ada/one:issue:5"),
        ({"check_run": {"pull_requests": [{"number": 8}]}, "repository": {"full_name": "a/b"}}, "github:a/b:pr:8"),
        ({"check_suite": {"pull_requests": []}, "repository": {"full_name": "a/b"}}, ""),
        ({"ref": "refs/heads/main", "repository": {"full_name": "a/b"}}, ""),
    ],
)
def test_github_threads(payload: dict[str, Any], wanted: str) -> None:
    """003-05: per repository, and a pull request is no issue; how it was found, or why not, is told."""
    found, how = key("github", payload)
    assert found == wanted
    assert how


def test_real_github_payloads() -> None:
    """003-05, on the published examples: every event of one pull request or issue has one key."""
    files = sorted(REAL.glob("*.json")) if REAL.is_dir() else []
    if not files:
        pytest.skip("the examples of GitHub's payloads are not on this machine")
    keys: dict[str, set[str]] = {}
    for file in files:
        payload = orjson.loads(file.read_bytes())
        keys.setdefault(file.name.split("__")[1], set()).add(key("github", payload)[0])
    assert keys.pop("ping") == {""}
    assert keys.pop("issues") == {
        "github:Codertocat/Hello-World:issue:1", "github:Codertocat/Hello-World:pr:2",
        "github:octo-org/octo-repo:issue:1",
    }  # fmt: skip
    assert keys.pop("issue_comment") == {"github:Codertocat/Hello-World:issue:1"}
    assert set().union(*keys.values()) == {"github:Codertocat/Hello-World:pr:2"}


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        ({"type": "Issue", "data": {"id": "iss-1"}}, "linear:issue:iss-1"),
        ({"type": "Comment", "data": {"id": "com-9", "issueId": "iss-1"}}, "linear:issue:iss-1"),
        ({"type": "Comment", "data": {"id": "com-9", "issue": {"id": "iss-1"}}}, "linear:issue:iss-1"),
        ({"type": "Reaction", "data": {"id": "rea-3", "comment": {"issueId": "iss-1"}}}, "linear:issue:iss-1"),
        ({"type": "AgentSessionEvent", "agentSession": {"id": "as", "issue": {"id": "iss-1"}}}, "linear:issue:iss-1"),
        ({"type": "Comment", "data": {"id": "com-9"}}, ""),
        ({"type": "Project", "data": {"id": "pro-2"}}, ""),
        ({"type": "Issue", "data": None}, ""),
    ],
)
def test_linear_threads(payload: dict[str, Any], wanted: str) -> None:
    """003-06: a comment belongs to its issue."""
    assert key("linear", payload)[0] == wanted


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        ({"task_id": "86c9m056r"}, "clickup:task:86c9m056r"),
        ({"data": {"task_id": "86c9m056r"}}, "clickup:task:86c9m056r"),
        ({"data": {"task": {"id": "86c9m056r"}}}, "clickup:task:86c9m056r"),
        ({"task": {"id": 86}}, "clickup:task:86"),
        ({"list_id": "1"}, ""),
    ],
)
def test_clickup_threads(payload: dict[str, Any], wanted: str) -> None:
    """003-04."""
    assert key("clickup", payload)[0] == wanted


def test_clickup_numbers_no_deliveries() -> None:
    payload = {"event": "taskUpdated", "webhook_id": "w", "task_id": "t", "history_items": [{"id": "1"}, {"id": "2"}]}
    event = webhooks.named("clickup").event({}, payload, b"x")
    assert event.delivery == "w:taskUpdated:1:2"
    assert webhooks.named("clickup").event({}, {"task_id": "t"}, b"x").delivery.startswith("body:")


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("data.ticket.id", "generic:T-1"),
        ("$.data.ticket.id", "generic:T-1"),
        ("data.number", "generic:7"),
        ("labels[1].name", "generic:b"),
        ("data.nothing", ""),
        ("labels[*].name", ""),
        ("", ""),
    ],
)
def test_a_path_of_the_users_own(path: str, wanted: str) -> None:
    """003-07, 003-08: nothing there is no key, and says so."""
    payload = {"data": {"ticket": {"id": "T-1"}, "number": 7}, "labels": [{"name": "a"}, {"name": "b"}]}
    found, how = key("generic", payload, path)
    assert found == wanted
    assert how == path or not wanted


@pytest.mark.parametrize("value", [True, 1.5, [], {"a": 1}])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(UnusableError, match=r"no text|nothing"):
        key("generic", {"id": value}, "id")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("../../etc/passwd", "path"), ("a/../b", "path"), ("/etc/passwd", "path"), ("~root/x", "path"),
        ("a\\b", "path"),
        ("a//b", "path"), ("..", "path"), ("x" * 10_000, "10,008 characters"), ("a\nb", "control"), ("a\0b", "control"),
        ("a\u202eb", "control"), ("a\u2028b", "control"), ("a\x1b[31m", "control"),
    ],
)  # fmt: skip
def test_unusable_keys_are_refused_loudly(text: str, words: str) -> None:
    with pytest.raises(UnusableError, match=words):
        key("generic", {"id": text}, "id")


@pytest.mark.parametrize(
    ("repo", "number"), [("../b", 5), ("a/../../b", 5), ("", 5), ("a/b", -1), ("a/b", "5"), ("a/b", True)]
)
def test_a_pull_request_that_cannot_be_named_is_refused_loudly(repo: str, number: object) -> None:
    """It is of a thread, so it must not run as if it were of none; a path of the user's own names it all the same."""
    payload = {"pull_request": {"number": number}, "repository": {"full_name": repo}, "node": "n-1"}
    with pytest.raises(UnusableError, match=r"cannot be part of a key|is no number"):
        key("github", payload)
    assert key("github", payload, "node") == ("github:n-1", "node")


def test_the_longest_key_and_odd_but_good_ones() -> None:
    assert usable("generic:" + "x" * (LONGEST - 8))
    with pytest.raises(UnusableError):
        usable("generic:" + "x" * (LONGEST - 7))
    for good in ("generic:a/b", "generic:Ünïcödé 日本", "generic:a.b-c_d", "generic:...x"):
        assert usable(good) == good
    assert values_at({"a": [{"b": 1}, {"b": 2}, 3]}, "a[*].b") == [1, 2]
