"""What Claude asks before it goes on, and how it is answered: the questions of its control protocol. Pure.

A question is a step: some tools ask for several answers, one after the other. For claude_stream and Claude's runner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from store.events import Option
from store.formats.claude_tools import questions_of
from store.formats.values import one_line, string, table

DENY: Final = "deny"
_ONCE: Final = "allow"
_ALWAYS: Final = "always"
_DONE: Final = "done"
_MOST: Final = 20  # answers of one question
_DENIED: Final = "The user refused this."
_SILENT: Final = "The user did not want to answer."
_PLANS: Final = {"ExitPlanMode": ("Approve the plan", "Keep planning"), "EnterPlanMode": ("Plan first", "Do not plan")}


def step(request: dict[str, Any], chosen: Sequence[str] = ()) -> tuple[str, tuple[Option, ...]] | None:
    """(the question, its answers) that comes after these answers were given; None: all of it is answered.

    `request`: the `request` of a `can_use_tool`.
    """
    if DENY in chosen:
        return None
    asked = _questions(request)
    if not asked:
        return None if chosen else (questions_of(request), _permissions(request))
    for number, question in enumerate(asked):
        mine = [one for one in chosen if one.startswith(f"{number}:")]
        several = question.get("multiSelect") is True
        if mine and (not several or f"{number}:{_DONE}" in mine):
            continue
        labels = _labels(question)
        left = [Option(f"{number}:{at}", label) for at, label in enumerate(labels) if f"{number}:{at}" not in mine]
        if several and mine:
            if not left:
                continue
            left.append(Option(f"{number}:{_DONE}", "That is all"))
        text = one_line(string(question, "question")) or questions_of(request)
        count = f" ({number + 1} of {len(asked)})" if len(asked) > 1 else ""
        return text + count, (*left, Option(DENY, "Do not answer", "reject_once"))
    return None


def response(request: dict[str, Any], chosen: Sequence[str]) -> dict[str, Any]:
    """What is sent back when all of it is answered."""
    asked = _questions(request)
    if DENY in chosen:
        return {"behavior": "deny", "message": _SILENT if asked else _DENIED, "interrupt": False}
    given = table(request, "input")
    if asked:
        answers = {string(one, "question"): ", ".join(_said(number, one, chosen)) for number, one in enumerate(asked)}
        return {"behavior": "allow", "updatedInput": {**given, "answers": answers}}
    found: dict[str, Any] = {"behavior": "allow", "updatedInput": given}
    if _ALWAYS in chosen:
        found["updatedPermissions"] = _suggested(request)
    return found


def words(request: dict[str, Any], chosen: Sequence[str]) -> str:
    """What became of the question, for its row."""
    asked = _questions(request)
    name = string(request, "tool_name")
    if DENY in chosen:
        return "Not answered" if asked else _PLANS[name][1] if name in _PLANS else "Denied"
    if asked:
        said = [", ".join(_said(number, one, chosen)) for number, one in enumerate(asked)]
        return f"Answered: {'; '.join(said)}"
    if _ALWAYS in chosen:
        return f"Allowed for this session: {_scope(request)}"
    return f"Allowed: {_PLANS[name][0]}" if name in _PLANS else "Allowed once"


def _permissions(request: dict[str, Any]) -> tuple[Option, ...]:
    yes, no = _PLANS.get(string(request, "tool_name"), ("Allow once", "Deny"))
    found = [Option(_ONCE, yes, "allow_once")]
    if _suggested(request):
        found.append(Option(_ALWAYS, f"Allow for this session: {_scope(request)}", "allow_always"))
    return (*found, Option(DENY, no, "reject_once"))


def _suggested(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The rules that the program offers to remember, for this session only: what lies in settings is the user's."""
    told = request.get("permission_suggestions")
    rules = [one for one in told if type(one) is dict] if type(told) is list else []
    return [{**one, "destination": "session"} for one in rules if string(one, "type")]


def _scope(request: dict[str, Any]) -> str:
    """In a few words, what such a rule allows."""
    parts: list[str] = []
    for one in _suggested(request):
        match string(one, "type"):
            case "setMode":
                mode = string(one, "mode")
                parts.append({"acceptEdits": "all edits"}.get(mode, f"mode {mode}"))
            case "addDirectories":
                folders = one.get("directories")
                parts += [f"folder {name}" for name in folders if type(name) is str] if type(folders) is list else []
            case _:
                rules = one.get("rules")
                for rule in rules if type(rules) is list else ():
                    if type(rule) is dict:
                        name, content = string(rule, "toolName"), string(rule, "ruleContent")
                        parts.append(f"{name} {content}".strip())
    return one_line(", ".join(part for part in parts if part), 120) or "what it proposes"


def _questions(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a tool that asks the user something; [] for a permission."""
    if string(request, "tool_name") != "AskUserQuestion":
        return []
    told = table(request, "input").get("questions")
    found = [one for one in told if type(one) is dict] if type(told) is list else []
    return [one for one in found if string(one, "question") and _labels(one)]


def _labels(question: dict[str, Any]) -> list[str]:
    told = question.get("options")
    found = [string(one, "label") for one in told if type(one) is dict] if type(told) is list else []
    return [label for label in found if label][:_MOST]


def _said(number: int, question: dict[str, Any], chosen: Sequence[str]) -> list[str]:
    labels = _labels(question)
    places = (one.removeprefix(f"{number}:") for one in chosen if one.startswith(f"{number}:"))
    return [labels[int(place)] for place in places if place.isdigit() and int(place) < len(labels)]
