"""One file per row kind. Importing the package registers them all; the view calls `viewer.rows.base.lay_out`."""

from __future__ import annotations

from viewer.rows import (
    message,
    notice,
    plan,
    prompt,
    raw,
    thought,
    tool,
    tool_agent,
    tool_edit,
    tool_todo,
    unknown,
)

__all__ = [
    "message",
    "notice",
    "plan",
    "prompt",
    "raw",
    "thought",
    "tool",
    "tool_agent",
    "tool_edit",
    "tool_todo",
    "unknown",
]
