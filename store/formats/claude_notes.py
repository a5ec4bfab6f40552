"""What Claude says about the session rather than in it: system records, hooks, attachments. For claude_*.py only."""

from __future__ import annotations

from typing import Any, Literal

from store.events import (
    At,
    Compacted,
    Compacting,
    ConfigChanged,
    Event,
    NoticeAdded,
    SessionNamed,
    ToolUpdated,
    TurnEnded,
)
from store.formats.claude_hidden import is_hidden
from store.formats.values import count, micros, number, one_line, string, table

Level = Literal["info", "warning", "error"]
_LEVELS: dict[str, Level] = {"warning": "warning", "error": "error", "warn": "warning"}
_ENDS: dict[str, Literal["ok", "failed", "cancelled"]] = {
    "completed": "ok", "failed": "failed", "error": "failed", "stopped": "cancelled", "killed": "cancelled",
}  # fmt: skip


def item_of(data: dict[str, Any], at: At) -> str:
    """The id of the row that a whole record becomes."""
    return string(data, "uuid") or f"@{at.file}:{at.offset}"


def system(data: dict[str, Any], at: At, out: list[Event]) -> bool:
    """The events of a system record. False when it is not understood."""
    subtype = string(data, "subtype")
    item = item_of(data, at)
    text = string(data, "content") or string(data, "text") or string(data, "message")
    match subtype:
        case "turn_duration":
            out.append(TurnEnded(at, "success", micros(data.get("durationMs"))))
        case "stop_hook_summary":
            _stop_hooks(data, item, at, out)
        case "api_error":
            out.append(NoticeAdded(at, item, "api_error", _api_error(data), "warning", _error_text(data.get("cause"))))
        case "api_retry":
            out.append(NoticeAdded(at, item, "api_error", _api_retry(data), "warning"))
        case "microcompact_boundary":
            saved = count(table(data, "microcompactMetadata").get("tokensSaved"))
            note = f"Old tool results were cleared{'' if saved is None else f': {saved:,} tokens saved'}"
            out.append(NoticeAdded(at, item, "compaction", note, "info", text))
        case "compact_boundary":
            before, after = sizes(data)
            out.append(Compacted(at, item, "", before, after))
        case "status":
            _status(data, item, at, out)
        case "hook_response":
            _hook_response(data, item, at, out)
        case "permission_denied":
            if not string(data, "tool_use_id"):  # else the call's own row says it
                out.append(NoticeAdded(at, item, "info", text or f"{string(data, 'tool_name')} was denied", "warning"))
        case "session_title_changed":
            out.append(SessionNamed(at, title=one_line(string(data, "title"), 200), rank=6))
        case "task_notification":
            _task_over(data, item, at, out)
        case "rate_limit_event":
            return rate_limit(data, at, out)
        case "notification" | "local_command_output":
            if text:
                out.append(NoticeAdded(at, item, "info", text, _LEVELS.get(string(data, "priority"), "info")))
        case "bridge_status":
            out.append(NoticeAdded(at, item, "info", text or f"Remote control: {string(data, 'url')}"))
        case "agents_killed" | "worker_shutting_down":
            out.append(NoticeAdded(at, item, "info", text or subtype.replace("_", " ").capitalize(), "warning"))
        case "mirror_error" | "session_writes_lost" | "error":
            said = text or _error_text(data.get("error")) or subtype.replace("_", " ").capitalize()
            out.append(NoticeAdded(at, item, "api_error", said, "error"))
        case "api_refusal" | "model_refusal_fallback" | "model_refusal_no_fallback":
            said = text or string(data, "apiRefusalExplanation") or "The model refused"
            out.append(NoticeAdded(at, item, "api_error", said, "warning", string(data, "apiRefusalCategory")))
        case "away_summary" | "informational" | "scheduled_task_fire" | "":
            if text:
                out.append(NoticeAdded(at, item, "info", text, _LEVELS.get(string(data, "level"), "info")))
            return bool(subtype or text)
        case _:
            return is_hidden(f"system/{subtype}")
    return True


def sizes(data: dict[str, Any]) -> tuple[int | None, int | None]:
    """Tokens before and after a compaction."""
    meta = table(data, "compactMetadata") or table(data, "compact_metadata")
    before = meta.get("preTokens", meta.get("pre_tokens"))
    return count(before), count(meta.get("postTokens", meta.get("post_tokens")))


def rate_limit(data: dict[str, Any], at: At, out: list[Event]) -> bool:
    """A limit that was reached is worth a row; one that is fine is not."""
    info = table(data, "rate_limit_info") or data
    status = string(info, "status")
    if status == "rejected":
        which = string(info, "rateLimitType").replace("_", " ")
        text = f"Usage limit reached{f' ({which})' if which else ''}"
        out.append(NoticeAdded(at, item_of(data, at), "limit", text, "error"))
    return bool(status)


def attachment(data: dict[str, Any], at: At, out: list[Event]) -> bool:
    """The events of an attachment. False when it is not understood."""
    body = table(data, "attachment")
    kind = string(body, "type")
    item = item_of(data, at)
    hook = string(body, "hookName") or string(body, "hookEvent") or "A"
    match kind:
        case "hook_success":
            said = string(body, "content").strip() or string(body, "stdout").strip()
            if said and not said.startswith("{"):  # an object is an answer to the program
                out.append(NoticeAdded(at, item, "hook", f"{hook} hook: {one_line(said)}", "info", said))
        case "hook_system_message":
            said = string(body, "content").strip()
            if said:
                out.append(NoticeAdded(at, item, "hook", f"{hook} hook: {one_line(said)}", "info", said))
        case "hook_additional_context":
            content = body.get("content")
            parts = content if type(content) is list else [content]
            said = "\n".join(part for part in parts if type(part) is str)
            out.append(NoticeAdded(at, item, "hook", f"{hook} hook added context", "info", said))
        case "hook_cancelled":
            how = "ran out of time" if body.get("timedOut") is True else "was cancelled"
            out.append(NoticeAdded(at, item, "hook", f"{hook} hook {how}", "warning", string(body, "command")))
        case "hook_blocking_error" | "hook_non_blocking_error":
            said = string(table(body, "blockingError"), "blockingError") or string(body, "stderr")
            said = said or string(body, "stdout") or string(body, "command")
            verb = "stopped the agent" if kind == "hook_blocking_error" else "failed"
            text = f"{hook} hook {verb}{f': {one_line(said)}' if said else ''}"
            out.append(NoticeAdded(at, item, "hook", text, "error", said))
        case _:
            return is_hidden(f"attachment/{kind}")
    return True


# ---- one function per kind that needs more than a line


def _stop_hooks(data: dict[str, Any], item: str, at: At, out: list[Event]) -> None:
    told = data.get("hookErrors")
    errors = [error for error in told if type(error) is str] if type(told) is list else []
    if errors:
        said = "\n".join(errors)
        out.append(NoticeAdded(at, item, "hook", f"Stop hook failed: {one_line(said)}", "error", said))
    elif data.get("preventedContinuation") is True:
        why = string(data, "stopReason")
        out.append(NoticeAdded(at, item, "hook", f"Stop hook ended the turn{f': {why}' if why else ''}", "warning"))


def _error_text(error: Any) -> str:
    """The sentence in an error, which comes as a string or as objects in objects."""
    for _ in range(4):
        if type(error) is str:
            return error
        if type(error) is not dict:
            return ""
        text = string(error, "formatted") or string(error, "message")
        if text:
            return text
        error = error.get("error")
    return ""


def _api_error(data: dict[str, Any]) -> str:
    text = one_line(_error_text(data.get("error")) or string(data, "content") or "unknown error")
    return f"API error: {text}{_again(data, 'retryAttempt', 'maxRetries', 'retryInMs')}"


def _api_retry(data: dict[str, Any]) -> str:
    status = count(data.get("error_status"))
    text = string(data, "error") or "unknown error"
    again = _again(data, "attempt", "max_retries", "retry_delay_ms")
    return f"API error: {text}{f' ({status})' if status else ''}{again}"


def _again(data: dict[str, Any], attempt: str, most: str, delay: str) -> str:
    tried, limit, wait = count(data.get(attempt)), count(data.get(most)), number(data.get(delay))
    if tried is None:
        return ""
    after = "" if wait is None else f" in {wait / 1000:.1f} s"
    return f" — retry {tried}{'' if limit is None else f' of {limit}'}{after}"


def _status(data: dict[str, Any], item: str, at: At, out: list[Event]) -> None:
    mode = string(data, "permissionMode")
    if mode:
        out.append(ConfigChanged(at, mode=mode))
    if data.get("status") == "compacting":
        out.append(Compacting(at, on=True))
    elif "compact_result" in data:
        out.append(Compacting(at, on=False))
        if data["compact_result"] == "failed":
            why = string(data, "compact_error")
            out.append(NoticeAdded(at, item, "compaction", f"Compaction failed{f': {why}' if why else ''}", "error"))


def _hook_response(data: dict[str, Any], item: str, at: At, out: list[Event]) -> None:
    hook = string(data, "hook_name") or string(data, "hook_event") or "A"
    said = (string(data, "stderr") or string(data, "output") or string(data, "stdout")).strip()
    code = count(data.get("exit_code"))
    outcome = string(data, "outcome")
    if (code is not None and code != 0) or outcome in ("error", "failed"):
        text = f"{hook} hook failed{'' if code is None else f' with exit code {code}'}"
        out.append(NoticeAdded(at, item, "hook", text + (f": {one_line(said)}" if said else ""), "error", said))
    elif outcome == "cancelled":
        out.append(NoticeAdded(at, item, "hook", f"{hook} hook was cancelled", "warning", said))
    elif said and not said.startswith("{"):
        out.append(NoticeAdded(at, item, "hook", f"{hook} hook: {one_line(said)}", "info", said))


def _task_over(data: dict[str, Any], item: str, at: At, out: list[Event]) -> None:
    """Background work is over: its call ends, and the summary is said."""
    call = string(data, "tool_use_id")
    status = _ENDS.get(string(data, "status"))
    if call and status is not None:
        out.append(ToolUpdated(at, call, status, duration_us=micros(table(data, "usage").get("duration_ms"))))
    text = string(data, "summary") or string(data, "message")
    if text:
        level: Level = "error" if status == "failed" else "info"
        out.append(NoticeAdded(at, item, "info", one_line(text, 600), level))
