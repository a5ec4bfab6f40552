"""What sending does now: the word on the button, and the sentence beside it. For the composer; no widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from store.delta import Header

if TYPE_CHECKING:
    from store.preflight import Preflight

KEYS: Final = {"Send": "sends", "Queue": "queues", "Fork": "forks"}  # by the word on the button


class Sending(NamedTuple):
    """`keys`: what Ctrl+Enter and Esc do, by that line. `failed`: the sentence is of something that went wrong."""

    label: str
    text: str = ""
    able: bool = True
    failed: bool = False

    @property
    def keys(self) -> tuple[str, str]:
        return ("saves", "keeps it as it was") if self.label == "Save" else (KEYS[self.label], "leaves")


def sending(header: Header, told: Preflight | None, way: str, *, connected: bool, editing: bool) -> Sending:
    """`told`, `way`: what one look has found, and whether the user goes on `here` or as a `fork`; '' is neither.

    `connected`: prompts have somewhere to go already. `editing`: one that waits is changed.
    """
    if editing:
        return Sending("Save", "Editing a waiting prompt. It and those behind it wait until it is saved.")
    if connected:
        if header.state == "compacting":
            return Sending("Queue", "The conversation is being compacted: prompts wait for its end.")
        if header.pending:
            return Sending("Queue", "The agent is at work: prompts wait for the end of the turn.")
        if header.queued and header.queued[0].trouble:
            return Sending("Send", f"Not sent: {header.queued[0].trouble}", failed=True)
        return Sending("Send", "Send goes on with what waits, in order." if header.queued else "")
    if told is None or way == "":
        return Sending("Send", able=False)
    if way == "fork":
        return Sending("Fork", f"{told.title} goes on in a copy of this session.")
    if told.again is not None:
        return Sending("Send", f"{told.title} is started again, and loads this session into a new one.")
    return Sending("Send", f"{told.title} goes on in this session.")
