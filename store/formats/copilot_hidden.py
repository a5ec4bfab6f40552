"""Copilot's records that are understood and not shown, and why. For copilot*.py only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_CALL: Final = "stands in the tool call that it belongs to"
_PROGRESS: Final = "an intermediate state; the end follows"
_PROGRAM: Final = "bookkeeping of the program"
_SETUP: Final = "which tools, skills and servers there are: in the raw record"

HIDDEN: Final[Mapping[str, str]] = {
    "assistant.turn_start": "a turn begins with its prompt",
    "hook.start": "the end of a hook is told when it failed",
    "hook.progress": _PROGRESS, "hook.end": "a hook that did its work says nothing",
    "session.usage_checkpoint": "billing units; tokens are told when the program ends",
    "session.auto_mode_resolved": "the model that was chosen is told with each answer",
    "session.idle": _PROGRAM, "assistant.idle": _PROGRAM, "pending_messages.modified": _PROGRAM,
    "assistant.intent": _PROGRESS, "assistant.streaming_delta": _PROGRESS, "assistant.message_start": _PROGRESS,
    "assistant.tool_call_delta": _PROGRESS, "assistant.server_tool_progress": _PROGRESS,
    "assistant.fusion_phase_started": _PROGRESS, "assistant.fusion_phase_completed": _PROGRESS,
    "assistant.fusion_phase_failed": _PROGRESS, "session.fusion_route_started": _PROGRESS,
    "session.fusion_route_failed": _PROGRESS, "session.fusion_resolved": _PROGRESS,
    "session.fusion_completed": _PROGRESS, "model.call_start": _PROGRESS, "model.call_finished": _PROGRESS,
    "tool.execution_progress": _PROGRESS, "tool_search.activated": _SETUP,
    "subagent.selected": _SETUP, "subagent.deselected": _SETUP, "subagent.configured": _SETUP,
    "session.plan_changed": _CALL, "session.todos_changed": _CALL, "session.workspace_file_changed": _CALL,
    "user_input.requested": _CALL, "user_input.completed": _CALL, "elicitation.requested": _CALL,
    "elicitation.completed": _CALL, "exit_plan_mode.requested": _CALL, "exit_plan_mode.completed": _CALL,
    "external_tool.requested": _CALL, "external_tool.completed": _CALL, "mcp_app.tool_call_complete": _CALL,
    "sampling.requested": _PROGRAM, "sampling.completed": _PROGRAM, "command.queued": _PROGRAM,
    "command.execute": _PROGRAM, "command.completed": _PROGRAM, "commands.changed": _SETUP,
    "capabilities.changed": _SETUP, "mcp.oauth_required": _PROGRAM, "mcp.oauth_completed": _PROGRAM,
    "mcp.headers_refresh_required": _PROGRAM, "mcp.headers_refresh_completed": _PROGRAM,
    "auto_mode_switch.requested": _PROGRAM, "auto_mode_switch.completed": _PROGRAM,
    "session_limits_exhausted.requested": _PROGRAM, "session_limits_exhausted.completed": _PROGRAM,
    "session.permissions_changed": "what is allowed from here on: in the raw record",
    "session.session_limits_changed": _PROGRAM, "session.remote_steerable_changed": _PROGRAM,
    "session.schedule_created": _PROGRAM, "session.schedule_cancelled": _PROGRAM,
    "session.schedule_rearmed": _PROGRAM, "session.autopilot_objective_changed": _PROGRAM,
    "session.mode_notice_delivered": _PROGRAM, "session.managed_settings_resolved": _SETUP,
    "session.managed_settings_enforced": _SETUP, "session.tools_updated": _SETUP,
    "session.background_tasks_changed": _PROGRAM, "session.skills_loaded": _SETUP,
    "session.custom_agents_updated": _SETUP, "session.mcp_servers_loaded": _SETUP,
    "session.mcp_server_status_changed": _SETUP, "session.mcp_tools_list_changed": _SETUP,
    "session.mcp_resources_list_changed": _SETUP, "session.mcp_prompts_list_changed": _SETUP,
    "session.extensions_loaded": _SETUP, "session.extensions.attachments_pushed": _PROGRAM,
    "session.custom_notification": _PROGRAM, "session.binary_asset": "bytes of an image: in the raw record",
    "session.canvas.opened": _PROGRAM, "session.canvas.registry_changed": _PROGRAM,
    "session.canvas.closed": _PROGRAM, "session.canvas.unavailable": _PROGRAM, "session.canvas.recorded": _PROGRAM,
    "session.canvas.removed": _PROGRAM, "factory.run_updated": _PROGRAM, "factory.run_started": _PROGRAM,
    "factory.run_settled": _PROGRAM, "ui.ephemeral_query": _PROGRAM,
}  # fmt: skip
