"""Kimi's records that are understood and not shown, and why. For kimi*.py only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_SETUP: Final = "which tools, servers and prompts there are: in the raw record"
_PROGRAM: Final = "bookkeeping of the program"
_CALL: Final = "stands in the tool call that it belongs to"
_COUNT: Final = "how full the context is is told with each request"

HIDDEN: Final[Mapping[str, str]] = {
    "tools.set_active_tools": _SETUP, "tools.reset_active_tools": _SETUP, "tools.register_user_tool": _SETUP,
    "tools.unregister_user_tool": _SETUP, "llm.tools_snapshot": _SETUP, "mcp.tools_discovered": _SETUP,
    "plugin.session_start": _SETUP, "runtime.set_binding": _SETUP, "permission.rules.add": _SETUP,
    "skill.activate": "the prompt that it adds is shown",
    "prompt.accepted": _PROGRAM, "prompt.steered": _PROGRAM, "prompt.completed": _PROGRAM, "prompt.aborted": _PROGRAM,
    "task.started": _CALL, "task.terminated": "told to the agent as a prompt", "task.waitDelivered": _CALL,
    "cron.add": _CALL, "cron.cursor": _PROGRAM, "cron.delete": _CALL,
    "interaction.request": _CALL, "interaction.resolved": _CALL, "interruptionReminder.recorded": _PROGRAM,
    "plan.revision": _CALL, "goal.clear": _PROGRAM, "goal.account_usage": _PROGRAM, "goal.continuation": _PROGRAM,
    "token_counting.measured": _COUNT, "token_counting.rebased": _COUNT, "token_counting.truncated": _COUNT,
    "token_counting.turn_recorded": _COUNT, "context_size.measured": _COUNT, "context.update_token_count": _COUNT,
    "usage.rate_limit": _PROGRAM, "file_history.checkpoint": _PROGRAM, "file_history.tracked": _PROGRAM,
    "snapshot.track": _PROGRAM, "staleGuard.recorded": _PROGRAM, "staleGuard.cleared": _PROGRAM,
    "StepBegin": "a step begins with its first row", "HookTriggered": "the end of a hook is told when it blocked",
    "MCPLoadingBegin": _SETUP, "MCPLoadingEnd": _SETUP, "QuestionRequest": _CALL, "QuestionResponse": _CALL,
    "ToolCallRequest": _CALL, "HookRequest": _CALL, "HookResponse": _CALL,
    "_checkpoint": _PROGRAM, "_system_prompt": _SETUP,
}  # fmt: skip
