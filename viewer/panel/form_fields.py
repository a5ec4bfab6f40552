"""The fields of a trigger in order, with their words, and which of them have a meaning for what. For its form."""

from __future__ import annotations

from typing import Final

from store.trigger import ACTIONS, SOURCES, WEBHOOKS, source_title
from store.triggers import KEYS
from viewer.panel import fields
from viewer.panel.fields import Field
from viewer.theme.look import Look

RESUME: Final = (
    "Events of one pull request, issue or task go on in one session of the agent: it knows what it did, and pays for "
    "reading it up only once. The thread's key tells which events belong together; an event without one starts fresh. "
    "A session grows: threads are compacted and forgotten as the settings say. The first event always starts fresh."
)
PROMPT: Final = (
    "{{field}} stands for a field of the payload, such as {{pull_request.title}} or {{comment.body}}. Without any, the "
    "payload is put below, in whole fields. A payload is only ever part of this one text, never of the command line."
)

REPEATS: Final = (
    "Off: what was signed once runs once, under any delivery id, so that nobody can play back what they overheard. "
    "On: for a sender whose events may be alike to the letter, such as a workflow that is dispatched twice."
)
COMMAND: Final = (
    "One command with its arguments, started without a shell. It takes no fields: the payload is on its standard input."
)


def made(look: Look) -> dict[str, Field]:
    """By name, in the order of the form."""
    filter_keys = ", ".join(name for name in KEYS if name != "event_type")
    all_of_them = (
        fields.line("name", "Name", "", look, "review-bot"),
        fields.check("enabled", "Enabled", "Off: what comes in is logged as skipped, and nothing runs.", look),
        fields.choice("source", "Started by", "", look, {name: source_title(name) for name in SOURCES}),
        fields.line("schedule", "When", "daily 03:00, weekdays 09:30, mon,thu 18:00 or every 15m. Local time.", look,
                    "weekdays 09:30"),
        fields.line("watch_path", "File or folder to watch", "It runs when this changes.", look),
        fields.area("filter", "Filter", "One condition per line, all must fit: action: opened, reopened. A * stands "
                    f"for anything, ! in front excludes. Fields: {filter_keys}, or a path into the payload.", look, 3,
                    "event: pull_request\naction: opened, synchronize"),
        fields.line("key_path", "Thread's key at", "Path in the payload of what tells threads apart.", look,
                    "data.ticket.id"),
        fields.line("own_authors", "Own accounts", "Names with commas. What they cause is skipped before anything is "
                    "paid for, so that an agent does not answer itself.", look, "acme-bot"),
        fields.check("repeats", "Take the same body again", REPEATS, look),
        fields.choice("action", "What it does", "", look, ACTIONS),
        fields.choice("runner", "Runner", "", look, {"claude-code": "Claude Code"}),
        fields.line("command", "Command of the agent", "Its program with what makes it talk ACP, started without a "
                    "shell.", look, "opencode acp"),
        fields.line("cwd", "Working directory", "", look, "/home/ada/atlas"),
        fields.area("prompt", "Prompt or command", PROMPT, look, 5),
        fields.choice("permission", "Permission mode", "What the agent may do unasked; nobody is there to ask.", look,
                      {"": "The program's own default"}),
        fields.line("model", "Model", "Empty: the program's own.", look),
        fields.check("resume_sessions", "Enable session resume", RESUME, look),
        fields.line("timeout_s", "Ends after (seconds)", "Then it and what it started end. The thread stays.", look),
        fields.line("max_parallel", "Runs at the same time", "Of different threads of this trigger.", look),
        fields.line("payload_limit", "Characters of the payload in a prompt", "What is more is left out in whole "
                    "fields; the prompt says so.", look),
    )  # fmt: skip
    return {field.name: field for field in all_of_them}


def shown_for(source: str, action: str) -> set[str]:
    """The fields that mean something."""
    shown = {"name", "enabled", "source", "action", "cwd", "prompt", "timeout_s", "max_parallel", "resume_sessions"}
    if source in WEBHOOKS:
        shown |= {"filter", "own_authors", "secret"}
    if source in ("github", "linear", "generic"):  # the others sign what tells deliveries apart
        shown.add("repeats")
    if source in ("generic", "hand"):
        shown.add("key_path")
    if source == "schedule":
        shown.add("schedule")
    if source == "file":
        shown.add("watch_path")
    if action != "script":
        shown |= {"runner", "permission", "model", "payload_limit"}
    return shown
