"""GitHub: pull requests and issues with everything that is said about them, per repository."""

from __future__ import annotations

import re
from typing import Any, Final

from store.webhooks.base import Event, Headers, Sender, body_id, dig, hexed, names, word

_NONE: Final = "This event is of no pull request and no issue."
_REPO: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]+")


def verify(headers: Headers, body: bytes, secret: str, now: float) -> str:
    del now  # GitHub signs no time: repeats are known by their delivery id
    return hexed(headers, ("x-hub-signature-256",), body, secret)


def event(headers: Headers, payload: dict[str, Any], body: bytes) -> Event:
    sender = dig(payload, "sender")
    repo = word(dig(payload, "repository", "full_name"))
    key, how = _key(payload, repo)
    return Event(
        "github",
        event=headers.get("x-github-event", ""),
        action=word(payload.get("action")),
        sender=word(dig(sender, "login")),
        authors=names(dig(sender, "login"), dig(sender, "id")),
        delivery=headers.get("x-github-delivery", "") or body_id(body),
        key=key,
        how=how,
        repo=repo,
        branch=word(dig(payload, "pull_request", "head", "ref"))
        or word(payload.get("ref")).removeprefix("refs/heads/"),
        unusable="" if key or how == _NONE else how,
    )


def _key(payload: dict[str, Any], repo: str) -> tuple[str, str]:
    kind, found, where = _thing(payload)
    if not kind:
        return "", _NONE
    if _REPO.fullmatch(repo) is None or ".." in repo:
        return "", f"The repository's name cannot be part of a key: {repo[:80]!r}."
    if type(found) is not int or found <= 0:
        return "", f"{where} is no number of a pull request or an issue."
    return f"github:{repo}:{kind}:{found}", f"repository.full_name and {where}"


def _thing(payload: dict[str, Any]) -> tuple[str, object, str]:
    """(pr, issue or discussion; its number; where that was found)."""
    if isinstance(payload.get("pull_request"), dict):
        return "pr", dig(payload, "pull_request", "number"), "pull_request.number"
    issue = payload.get("issue")
    if isinstance(issue, dict):  # to GitHub a pull request is an issue as well: its comments come so
        kind = "pr" if issue.get("pull_request") else "issue"
        return kind, issue.get("number"), "issue.number"
    for name in ("check_run", "check_suite", "workflow_run"):
        pulls = dig(payload, name, "pull_requests")
        if isinstance(pulls, list) and len(pulls) == 1:
            return "pr", dig(pulls[0], "number"), f"{name}.pull_requests[0].number"
    if isinstance(payload.get("discussion"), dict):
        return "discussion", dig(payload, "discussion", "number"), "discussion.number"
    return "", None, ""


SENDER: Final = Sender(
    "github",
    "GitHub",
    verify,
    event,
    "Repository → Settings → Webhooks: content type application/json, and the secret.",
)
