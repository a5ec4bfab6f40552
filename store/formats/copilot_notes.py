"""Copilot's notices: errors, compaction, hooks, skills and whatever else happens to a session. For copilot*.py only."""

from __future__ import annotations

from typing import Any, Final

from store.events import At, Compacted, Compacting, Event, NoticeAdded, Spent, Tokens, TurnEnded
from store.formats.values import count, one_line, string, table
from store.formats.values import tokens as taken

_ERRORS: Final = frozenset({"session.error", "model.call_failure"})


def noticed(kind: str, body: dict[str, Any], own: str, llm: str, at: At, out: list[Event]) -> bool:
    """The notice that a record of that type is, if it is one. `llm` is the model at work."""
    text, level, notice, detail = string(body, "message"), "info", "info", ""
    if kind in _ERRORS:
        failed = kind == "session.error"
        text, notice, level = text or string(body, "errorMessage"), "api_error", "error" if failed else "warning"
        detail = string(body, "stack")
    elif kind == "session.warning":
        level = "warning"
    elif kind == "session.truncation":
        notice, text = "compaction", _truncated(body)
    elif kind == "session.compaction_complete":
        out.append(Compacting(at, on=False))
        spent = table(body, "compactionTokensUsed")
        if spent:
            given, cached = (taken(spent.get(key)) for key in ("input", "cachedInput"))
            tokens = Tokens(llm, max(0, given - cached), taken(spent.get("output")), cached)
            out.append(Spent(at, f"copilot {own}", tokens))
        if body.get("success") is not False:
            sizes = (count(body.get(f"{when}CompactionTokens")) for when in ("pre", "post"))
            out.append(Compacted(at, own, string(body, "summaryContent"), *sizes))
            return True
        notice, level, text = "compaction", "error", f"Compaction failed: {string(body, 'error')}"
    elif kind == "session.handoff":
        notice, text, detail = "branch", f"Handed over from a {string(body, 'sourceType')} session", ""
        detail = string(body, "summary")
    elif kind == "session.task_complete":
        notice, text, detail = "result", "Task complete", string(body, "summary")
        out.append(TurnEnded(at))
    elif kind == "session.context_cleared":
        text = "Context cleared"
    elif kind == "skill.invoked":
        text, detail = f"Skill {string(body, 'name')}", string(body, "content")
    elif kind == "hook.end" and body.get("success") is False:
        notice, level = "hook", "warning"
        text = f"{string(body, 'hookType')} hook failed: {string(table(body, 'error'), 'message')}"
    elif kind != "session.info":
        return False
    out.append(NoticeAdded(at, own, notice, one_line(text, 1000), level, detail))  # type: ignore[arg-type]
    return True


def _truncated(body: dict[str, Any]) -> str:
    before, after = (count(body.get(f"{when}TruncationTokensInMessages")) for when in ("pre", "post"))
    gone = count(body.get("tokensRemovedDuringTruncation"))
    gone = count(body.get("droppedTokens")) if gone is None else gone
    if before is not None and after is not None:
        return f"Oldest messages left the context: {before:,} → {after:,} tokens"
    return "Oldest messages left the context" + (f": {gone:,} tokens" if gone is not None else "")
