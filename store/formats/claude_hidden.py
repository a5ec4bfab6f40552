"""Claude's records that are understood and make no row, each with the reason. For claude_*.py only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_STATE = "bookkeeping of the program; the last one wins"
_ASKED = "what the program tells the model besides the conversation"
_HISTORY = "basis of the program's own rewind"
_PROGRESS = "an intermediate state; the result follows"
_TASKS = "the state of background work; its end is shown"
_REQUEST = "a copy of what was sent to the provider"
_PRIVATE = "ids of the account and the device"
_WIRE = "part of the transport"

HIDDEN: Final[Mapping[str, str]] = {
    # session files: bookkeeping
    "tag": _STATE, "agent-color": _STATE, "agent-setting": _STATE, "mode": _STATE, "cost-state": _STATE,
    "queue-operation": "a queued prompt is shown when the agent takes it",
    "file-history-snapshot": _HISTORY, "file-history-delta": _HISTORY, "attribution-snapshot": _HISTORY,
    "worktree-state": _STATE, "bridge-session": _PRIVATE, "fork-context-ref": _STATE, "continued-in": _STATE,
    "content-replacement": _STATE, "atis-latch": _STATE, "isolation-latch": _STATE, "ended": _STATE,
    "ended-by-model": _STATE, "history-suppression": _STATE, "artifact-comment-monitor": _STATE,
    "artifact-autoreact-ledger": _STATE, "launched": "a line of a workflow's journal",
    "started": "a line of a workflow's journal", "journal-result": "a line of a workflow's journal",
    "api-request": _REQUEST, "api-request-shape": _REQUEST, "api-request-blob": _REQUEST, "tools-used": _STATE,
    # progress (up to 2.1.8x)
    "progress/bash_progress": _PROGRESS, "progress/hook_progress": _PROGRESS, "progress/agent_progress": _PROGRESS,
    "progress/mcp_progress": _PROGRESS, "progress/query_update": _PROGRESS,
    "progress/search_results_received": _PROGRESS, "progress/waiting_for_task": _PROGRESS,
    # attachments
    **{
        f"attachment/{name}": _ASKED
        for name in (
            "task_reminder", "todo_reminder", "task_status", "deferred_tools_delta", "deferred_tools_record",
            "agent_listing_delta", "skill_listing", "dynamic_skill", "invoked_skills", "mcp_instructions_delta",
            "command_permissions", "edited_text_file", "date_change", "date", "diagnostics", "plan_mode",
            "plan_mode_exit", "plan_mode_reentry", "auto_mode", "auto_mode_exit", "goal_status", "file", "directory",
            "nested_memory", "compact_file_reference", "opened_file_in_ide", "selected_lines_in_ide",
            "ultra_effort_enter", "ultra_effort_exit", "read_truncation_notice", "budget_usd", "total_tokens_reminder",
            "batching_reminder_sent", "silent_turn_reminder", "environment", "model", "instructions",
            "session_context", "prompt_snapshot", "remote_session_change", "structured_output",
            "unknown_command_fallback",
        )
    },
    # system records of both
    "system/session_start": _STATE, "system/post_turn_summary": _STATE, "system/file_snapshot": _HISTORY,
    "system/session_state_changed": _STATE, "system/commands_changed": _STATE, "system/files_persisted": _STATE,
    "system/plugin_install": _STATE, "system/memory_recall": _STATE, "system/elicitation_complete": _STATE,
    "system/control_request_progress": _WIRE, "system/background_tasks_changed": _TASKS,
    "system/task_progress": _TASKS, "system/task_updated": _TASKS, "system/task_started": _TASKS,
    "system/thinking_tokens": "an estimate; the usage follows", "system/hook_started": _PROGRESS,
    "system/hook_progress": _PROGRESS, "system/ping": _WIRE,
    "system/status": "the state of the session, shown in its header",
    # the stream's other types
    "tool_progress": _PROGRESS, "tool_use_summary": "a second telling of what the rows show", "keep_alive": _WIRE,
    "prompt_suggestion": "a proposal for the next prompt", "active_goal": _STATE, "auth_status": _STATE,
    "control_cancel_request": "the question it takes back is closed", "transcript_mirror": _WIRE,
    "stream_event/ping": _WIRE, "stream_event/content_block_stop": _WIRE,
    "stream_event/message_stop": _WIRE,
    "stream_event/message_delta": "its numbers are in the header",
    "recording": "the header that a recording tool wrote", "rate_limit_event": "a limit that is not reached",
}  # fmt: skip


def is_hidden(label: str) -> bool:
    """Whether a record of that type is understood and not shown."""
    return label in HIDDEN or label.startswith("marble-origami-")
