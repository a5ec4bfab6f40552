"""A row in words: the beginning of its text, and what a screen reader says before it. For the model's roles."""

from __future__ import annotations

from store.items import Item, Message, Notice, Plan, Prompt, Raw, Thought, Tool


def head(item: Item, count: int) -> str:
    """The beginning of a row's text on one line, without joining the rest of it."""
    match item:
        case Prompt() | Notice() | Raw():
            text = item.text[:count]
        case Message() | Thought():
            text = item.text.head(count)
        case Tool():
            text = item.title[:count] or item.name or item.output.head(count)
        case Plan():
            text = ", ".join(entry for entry, _ in item.entries[:20])[:count]
    return " ".join(text.split())


def spoken(item: Item) -> str:
    """What a screen reader says before the text."""
    match item:
        case Prompt(origin="human"):
            return "You"
        case Prompt():
            return f"Prompt, {item.origin}"
        case Message():
            return "Agent, still writing" if item.open else "Agent"
        case Thought():
            return "Thought"
        case Tool(status="waiting") if item.options:
            answers = ", ".join(f"{number} {option.name}" for number, option in enumerate(item.options[:9], 1))
            return f"The agent asks, answers are {answers}"
        case Tool():
            return f"Tool {item.name}, {item.status}" if item.name else f"Tool, {item.status}"
        case Plan():
            return "Plan"
        case Notice():
            return "Error" if item.level == "error" else "Notice"
        case Raw():
            return "Record"
