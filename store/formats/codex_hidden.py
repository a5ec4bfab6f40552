"""Codex's records that are understood and make no row, each with the reason. For codex*.py only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_STATE = "bookkeeping of the program; the last one wins"
_MIRROR = "said once more by a record that is shown"
_MODEL = "what the model is told of its surroundings"
_LIMITS = "how much of the account's allowance is used"
_PROGRESS = "an intermediate state; the end follows"

HIDDEN: Final[Mapping[str, str]] = {
    "session_meta": "who, where and when: in the header of the session",
    "turn_context": "the settings of a turn: in the header of the session",
    "token_usage_record": "in the figures of the session",
    "world_state": _MODEL, "inter_agent_communication": _MIRROR, "inter_agent_communication_metadata": _STATE,
    "state": _STATE,
    "response_item/ghost_snapshot": "basis of the program's own undo",
    "response_item/compaction": _MIRROR, "response_item/context_compaction": _MIRROR,
    "response_item/compaction_summary": _MIRROR,
    "event_msg/token_count": "in the figures of the session, and in its gauge",
    "response_item/token_count": "in the figures of the session, and in its gauge",
    "event_msg/task_started": "a turn begins with its prompt",
    "event_msg/turn_started": "a turn begins with its prompt",
    "event_msg/context_compacted": _MIRROR,
    "event_msg/thread_settings_applied": _STATE,
    "event_msg/thread_name_updated": "the title of the session",
    "event_msg/session_configured": _STATE,
    "event_msg/collab_waiting_end": _MIRROR, "event_msg/collab_close_end": _MIRROR,
    "event_msg/collab_agent_interaction_end": _MIRROR, "event_msg/collab_resume_end": _MIRROR,
    "event_msg/collab_agent_spawn_begin": _PROGRESS, "event_msg/collab_agent_interaction_begin": _PROGRESS,
    "event_msg/collab_waiting_begin": _PROGRESS, "event_msg/collab_close_begin": _PROGRESS,
    "event_msg/collab_resume_begin": _PROGRESS,
    "event_msg/sub_agent_activity": "the call that started the subagent tells it",
    "event_msg/exec_command_begin": _PROGRESS, "event_msg/exec_command_output_delta": _PROGRESS,
    "event_msg/patch_apply_begin": _PROGRESS, "event_msg/mcp_tool_call_begin": _PROGRESS,
    "event_msg/web_search_begin": _PROGRESS, "event_msg/image_generation_begin": _PROGRESS,
    "event_msg/item_started": _PROGRESS, "event_msg/agent_message_delta": _PROGRESS,
    "event_msg/agent_reasoning_delta": _PROGRESS, "event_msg/agent_reasoning_section_break": _PROGRESS,
    "event_msg/agent_reasoning_raw_content": "the raw thoughts; their summary is shown",
    "event_msg/turn_diff": "the edits of the turn are shown one by one",
    "event_msg/plan_update": _MIRROR, "event_msg/shutdown_complete": _STATE,
    "event_msg/account/rateLimits/updated": _LIMITS, "event_msg/mcp_startup_update": _PROGRESS,
    "event_msg/mcp_startup_complete": _STATE, "event_msg/undo_started": _PROGRESS,
    "event_msg/item_completed/ContextCompaction": _MIRROR, "event_msg/item_completed/Sleep": "a pause",
    "event_msg/item_completed/SubAgentActivity": "the call that started the subagent tells it",
}  # fmt: skip

# What the program puts into the mouth of the user; what a person types does not begin like this.
INJECTED: Final = (
    "<environment_context>", "<user_instructions>", "<permissions instructions>", "# AGENTS.md instructions",
    "<skills_instructions>", "<skill>", "<recommended_plugins>", "<turn_aborted>", "<hook_prompt",
    "<collaboration_mode>", "<codex_internal_context", "<subagent_notification>", "You are `/root`, the primary agent",
    "<apps_instructions>", "<plugins_instructions>", "<user_action>", "<model_switch>", "<personality_spec>",
)  # fmt: skip


def is_injected(text: str) -> bool:
    return text.lstrip()[:64].startswith(INJECTED)
