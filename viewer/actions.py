"""Every command of the window with its shortcut, once: menus, keys and the shortcut sheet are made from this table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget


class Command(NamedTuple):
    """`slot` is the method of the window that does it. No menu: a key only."""

    name: str
    menu: str
    text: str
    keys: tuple[str, ...]
    tip: str
    slot: str
    checkable: bool = False
    line_before: bool = False


COMMANDS: Final = (
    Command("open", "Session", "Open file…", ("Ctrl+O",), "Open a session file", "on_open_file"),
    Command("open_folder", "Session", "Add folder…", (), "Look for sessions in a further folder", "on_open_folder"),
    Command("demo", "Session", "Play the demo", (), "Watch a recorded session at its own pace", "on_demo"),
    Command("jump", "Session", "Go to session…", ("Ctrl+P",), "Type a part of its name", "on_jump", False, True),
    Command("recent", "Session", "Last session", ("Ctrl+Tab",), "Back to the session before", "on_recent"),
    Command("close", "Session", "Close session", ("Ctrl+W",), "Stop reading this session", "on_close_session"),
    Command("compose", "Session", "Continue session…", ("Ctrl+L",), "Send a prompt to the agent of this session",
            "on_compose"),
    Command("attach", "Session", "Attach files…", ("Ctrl+Shift+O",), "To the prompt that is being written",
            "on_attach"),
    Command("stop", "Session", "Stop agent", (), "End the process of this session, or a trigger's run in it",
            "on_stop"),
    Command("rename", "Session", "Rename session…", ("F2",), "Call it something else here; its agent is not told",
            "on_rename"),
    Command("archive", "Session", "Archive session…", ("Ctrl+E",), "Close it for ever: what its agent writes later "
            "is not added", "on_archive", False, True),
    Command("fork", "Session", "Copy the command of a fork", (), "For a terminal: its agent goes on with a copy",
            "on_fork"),
    Command("delete", "Session", "Delete session", ("Ctrl+Del",), "Take an archived session from the list",
            "on_delete"),
    Command("restore", "Session", "Restore session", (), "Put a deleted session back into the list", "on_restore"),
    Command("undo", "Session", "Undo", ("Ctrl+Z",), "Nothing was done that can be taken back", "on_undo"),
    Command("keep_pause", "Session", "Pause copying", (), "Let the copying of sessions wait", "on_keep_pause",
            True, True),
    Command("keep_end", "Session", "Stop copying", (), "Copy no more sessions until the next start", "on_keep_end"),
    Command("quit", "Session", "Quit", ("Ctrl+Q",), "Close the window", "on_quit", False, True),
    Command("find", "Search", "Search this session…", ("Ctrl+F",), "Find a text in the open session", "on_find"),
    Command("search", "Search", "Search all sessions…", ("Ctrl+Shift+F",), "Find a text in every session, in what was "
            "said, thought and run", "on_search"),
    Command("next_hit", "Search", "Next hit", ("F3",), "To the next row that was found", "on_next_hit"),
    Command("previous_hit", "Search", "Previous hit", ("Shift+F3",), "To the row that was found before",
            "on_previous_hit"),
    Command("next_failure", "Search", "Next failure", ("E",), "To the next command or call that failed",
            "on_next_failure", False, True),
    Command("previous_failure", "Search", "Previous failure", ("Shift+E",), "To the one before", "on_previous_failure"),
    Command("back", "View", "Back", ("Alt+Left",), "To where you were before the last jump", "on_back"),
    Command("forward", "View", "Forward", ("Alt+Right",), "To where you were before going back", "on_forward"),
    Command("sessions", "View", "List of sessions", ("Ctrl+B",), "Show or hide the list", "on_toggle_sessions",
            True, True),
    Command("panel", "View", "Threads, triggers and storage", ("Ctrl+Shift+S",), "The sessions panel: what starts "
            "runs, which session they go on with, and where the bytes lie",
            "on_panel", True),
    Command("archived", "View", "Archived sessions only", ("Ctrl+Shift+A",), "In the list of sessions", "on_archived",
            True),
    Command("grouped", "View", "Group sessions by project", (), "Off: one list by day, newest first", "on_grouped",
            True),
    Command("question", "View", "Go to the question", ("Ctrl+J",), "To the row in which the agent waits for an answer",
            "on_question"),
    Command("inspector", "View", "Raw record", ("Ctrl+I",), "The record behind a row", "on_toggle_inspector", True),
    Command("insight", "View", "Turns and figures", ("Ctrl+T",), "The session's turns, tokens, cost and errors",
            "on_toggle_insight", True),
    Command("follow", "View", "Follow new rows", (), "Stay at the newest row", "on_follow", True),
    Command("zoom_in", "View", "Zoom in", ("Ctrl++", "Ctrl+="), "Larger text", "on_zoom_in", False, True),
    Command("zoom_out", "View", "Zoom out", ("Ctrl+-",), "Smaller text", "on_zoom_out"),
    Command("zoom_reset", "View", "Actual size", ("Ctrl+0",), "Text at its own size", "on_zoom_reset"),
    Command("full", "View", "Full screen", ("F11",), "Nothing but this window", "on_full_screen", True),
    Command("settings", "View", "Settings…", ("Ctrl+,",), "Change how Playhead behaves", "on_settings", False, True),
    Command("coverage", "Help", "Coverage: what is understood…", ("Ctrl+Shift+U",), "What of every session is "
            "understood, and what is not", "on_coverage"),
    Command("shortcuts", "Help", "Keyboard shortcuts", ("F1", "?"), "All keys on one sheet", "on_shortcuts"),
    Command("logs", "Help", "Show the log", (), "Open the folder with the log files", "on_logs"),
)  # fmt: skip

# Keys that a list takes itself while it has the focus; here only to be shown on the sheet.
LIST_KEYS: Final = (
    ("Transcript", (("J / K", "Next, previous row"), ("Home / End", "First row, newest row and follow"),
                    ("F", "Follow"), ("Space", "A page down"), ("Enter / ← / →", "Fold or unfold the row"),
                    ("1 – 9", "Answer a question in the row"),
                    ("Enter / Esc", "Allow once, refuse what it asks"),
                    ("Ctrl+C", "Copy what is selected"), ("Ctrl+A", "Select everything"), ("Esc", "Select nothing"))),
    ("Prompt", (("Ctrl+Enter", "Send, or queue while the agent works"), ("Enter", "New line"),
                ("Ctrl+V", "Attach the image or files that were copied"),
                ("Del", "Remove an attached file"), ("↑", "To the prompts that wait"),
                ("Enter / Del", "Edit, take back a waiting prompt"),
                ("Ctrl+↑ / Ctrl+↓", "Send it earlier, later"), ("Esc", "Back to the transcript"))),
    ("List of sessions", (("J / K", "Next, previous session"), ("Enter", "Open"), ("/", "Filter"),
                          ("Esc", "Clear the filter, then back to the transcript"))),
)  # fmt: skip


class Actions:
    """The QActions of one window, by name."""

    def __init__(self, window: QWidget) -> None:
        self._made: dict[str, QAction] = {}
        for command in COMMANDS:
            action = QAction(command.text, window)
            action.setObjectName(f"action.{command.name}")
            action.setShortcuts([QKeySequence(keys) for keys in command.keys])
            action.setToolTip(command.tip)
            action.setStatusTip(command.tip)
            action.setCheckable(command.checkable)
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            # A method's name that is no method is a typing error: it fails at the first start, not at the first click.
            slot = getattr(window, command.slot)
            (action.toggled if command.checkable else action.triggered).connect(slot)
            window.addAction(action)
            self._made[command.name] = action

    def __getitem__(self, name: str) -> QAction:
        return self._made[name]

    def menus(self, parent: QWidget) -> Iterator[QMenu]:
        """One menu per heading of the table."""
        for heading in dict.fromkeys(command.menu for command in COMMANDS):
            menu = QMenu(heading, parent)
            menu.setToolTipsVisible(True)  # what cannot be done says why
            for command in COMMANDS:
                if command.menu == heading:
                    if command.line_before:
                        menu.addSeparator()
                    menu.addAction(self._made[command.name])
            yield menu


def sheet() -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Headings with (keys, what they do), for the shortcut sheet."""
    found: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    for heading in dict.fromkeys(command.menu for command in COMMANDS):
        lines = tuple(
            ("  ".join(command.keys), command.text.rstrip("…"))
            for command in COMMANDS
            if command.menu == heading and command.keys
        )
        found.append((heading, lines))
    return [*found, *LIST_KEYS]
