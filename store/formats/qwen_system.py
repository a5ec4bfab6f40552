"""Qwen Code's system records: commands, titles, compression, modes, ends of turns. For qwen.py only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from store.decode import clean, dump
from store.events import At, Compacted, ConfigChanged, Event, NoticeAdded, PromptText, SessionNamed, TurnEnded
from store.formats import gemini_tools
from store.formats.values import count, moment, one_line, string, table

KINDS: Final[Mapping[str, str]] = {
    **gemini_tools.KINDS,
    "web_search": "tool.web",
    "todo_write": "tool.todo",
    "notebook_edit": "tool.edit",
    "task": "tool.agent", "agent": "tool.agent",
}  # fmt: skip

HIDDEN: Final[Mapping[str, str]] = {
    "system/ui_telemetry": "figures of the program; failed requests in it are shown",
    "system/attribution_snapshot": "which lines the program wrote; bookkeeping",
    "system/file_history_snapshot": "copies of files for a rewind; bookkeeping",
    "system/session_notes": "notes that the program keeps for itself",
    "system/parent_session": "which session started this one",
    "system/session_source": "which program made the session",
    "system/session_execution_engine": "how the program keeps the session",
    "system/session_sources_snapshot": "bookkeeping of the program",
    "system/session_artifact_event": "bookkeeping of the program",
    "system/session_artifact_snapshot": "bookkeeping of the program",
    "system/branch_checkpoint": "a place to branch from; bookkeeping",
    "system/user_text_elements": "how a prompt was laid out; its text is told by the prompt",
    "system/agent_bootstrap": "the conversation that a subagent was given; told by its session",
    "system/agent_session_ready": "a subagent can be talked to; part of the transport",
    "system/goal_state": "where the program stands with a goal",
    "system/goal_turn_end": "where the program stands with a goal",
    "system/omni_recall": "bookkeeping of the program",
    "system/managed_session_header_v1": "a journal of the program",
    "system/managed_session_event_v1": "a journal of the program",
    "system/managed_session_commit_v1": "a journal of the program",
}
_LEVELS: Final = ("error", "warning")
_STATES: Final = {"completed": "success", "cancelled": "cancelled", "error": "error"}


class System:
    """One per reader. Remembers whether a command that was given goes to the model."""

    def __init__(self) -> None:
        self._sent = False

    def event(self, subtype: str, data: dict[str, Any], own: str, at: At, out: list[Event]) -> bool:
        """One record; False if its subtype is not known."""
        payload = table(data, "systemPayload")
        if subtype == "slash_command":
            self._command(payload, own, at, out)
        elif subtype == "at_command":
            self._files(payload, own, at, out)
        elif subtype == "chat_compression":
            info = table(payload, "info")
            before, after = count(info.get("originalTokenCount")), count(info.get("newTokenCount"))
            out.append(Compacted(at, own, _summary(payload.get("compressedHistory")), before, after))
        elif subtype == "custom_title":
            title = one_line(string(payload, "customTitle"), 200)
            if title and not at.agent:
                rank = 5 if payload.get("titleSource") == "auto" else 6
                out.append(SessionNamed(at, title=title, rank=rank))
        elif subtype == "rewind":
            out.append(NoticeAdded(at, own, "branch", "Rewound to an earlier message"))
        elif subtype in ("session_model", "session_approval_mode"):
            llm, mode = string(payload, "modelId") or None, string(payload, "mode") or None
            if not at.agent and (llm or mode):
                out.append(ConfigChanged(at, mode, llm))
        elif subtype == "turn_result":
            self._ended(payload, own, at, out)
        elif subtype == "agent_retry":
            out.append(NoticeAdded(at, own, "info", f"Attempt {count(payload.get('attempt')) or '–'}"))
        elif subtype == "ui_telemetry":
            told = table(payload, "uiEvent")
            if "error_message" in told and "function_name" not in told:
                text = one_line(string(told, "error_message"), 1000) or "The request failed."
                out.append(NoticeAdded(at, own, "api_error", text, "error"))
        else:
            return f"system/{subtype}" in HIDDEN
        return True

    def _command(self, payload: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        command = string(payload, "rawCommand")
        if payload.get("phase") != "result":
            self._sent = payload.get("sentToModel") is True
            hidden = payload.get("hiddenInvocation") is True
            out.append(PromptText(at, f"{own}#prompt", command, "injected" if hidden else "command"))
            return
        items = payload.get("outputHistoryItems")
        for index, item in enumerate(items if type(items) is list else ()):
            if type(item) is dict:
                kind, text = string(item, "type"), string(item, "text")
                level = kind if kind in _LEVELS else "info"
                detail = text if len(text) > 200 or "\n" in text else "" if text else clean(dump(item))
                text = one_line(text, 200) or f"{one_line(command, 100)}: {kind or 'result'}"
                out.append(NoticeAdded(at, f"{own}#{index}", "info", text, level, detail))  # type: ignore[arg-type]
        if not self._sent:
            out.append(TurnEnded(at))
        self._sent = False

    def _files(self, payload: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        files = payload.get("filesRead")
        names = ", ".join(clean(name) for name in files if type(name) is str) if type(files) is list else ""
        failed = payload.get("status") == "error"
        text = one_line(string(payload, "message"), 1000) or f"Read for the prompt: {names or '–'}"
        out.append(
            NoticeAdded(at, own, "info", text, "error" if failed else "info", names if names not in text else "")
        )

    def _ended(self, payload: dict[str, Any], own: str, at: At, out: list[Event]) -> None:
        status = _STATES.get(string(payload, "state"), "success")
        failure = string(table(payload, "error"), "message")
        if failure:
            out.append(NoticeAdded(at, own, "result", one_line(failure, 1000), "error"))
        first, last = moment(payload.get("startedAt")), moment(payload.get("endedAt"))
        took = last - first if first is not None and last is not None and last >= first else None
        out.append(TurnEnded(at, status, took, reason=string(payload, "stopReason")))


def _summary(history: Any) -> str:
    """What the model knows instead of the conversation: the first text of its new history."""
    for content in history if type(history) is list else ():
        parts = content.get("parts") if type(content) is dict else None
        for part in parts if type(parts) is list else ():
            if type(part) is dict and string(part, "text").strip():
                return string(part, "text")
    return ""
