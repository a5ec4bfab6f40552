"""What an ACP agent asks of its client: permission, files, terminals, answers; and the notes of our own client.

Each is a row. Questions are named `a:ID`: agent and client count their requests apart. For acp.py only.
"""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from store.decode import clean, dump
from store.events import Asked, At, Called, Event, NoticeAdded, Option, Status, ToolStarted, ToolUpdated, TurnEnded
from store.formats import acp_content as content
from store.formats.acp_calls import Call, Calls
from store.formats.acp_talk import Talk
from store.formats.acp_wire import Frame, name_of
from store.formats.diffs import between
from store.formats.values import count, one_line, string, table

OUTPUT: Final = 64 << 10  # characters of a terminal's output that are remembered
TERMINALS: Final = 32  # terminals of which they are
MOST: Final = 2_048  # requests that are remembered
LEVELS: Final = ("info", "warning", "error")
# Requests about a terminal that exists: they say nothing new, or what they say is told where it is shown.
QUIET: Final = ("terminal/output", "terminal/wait_for_exit", "terminal/release", "terminal/kill")


class Want:
    """An open request of the agent, and the row that shows it."""

    __slots__ = ("call", "options", "refused", "row", "terminal")

    def __init__(
        self, row: str, call: Call | None = None, options: tuple[Option, ...] = (), terminal: str = ""
    ) -> None:
        self.row, self.call, self.options, self.terminal = row, call, options, terminal
        self.refused = False  # by the user, which the row says already


class Client:
    """The client's side of one connection."""

    def __init__(self) -> None:
        self._wants: OrderedDict[str, Want] = OrderedDict()
        self._terminals: OrderedDict[str, str] = OrderedDict()  # id → row
        self._outputs: dict[str, str] = {}  # terminal → the end of what it printed
        self._keys: dict[str, str] = {}  # the agent's own id → what the request is called
        self._told: set[str] = set()  # terminals whose output our notes tell

    def key(self, frame: Frame, rpc: Any) -> str:
        """What a request of the agent is called: our own number for it, where we gave one."""
        number = count(frame.wrapped.get("n"))
        return f"a:#{number}" if number is not None else f"a:{name_of(rpc)}"

    def called(self, key: str, name: str) -> None:
        """A request with this id of the agent's own begins."""
        self._keys[name] = key
        if len(self._keys) > MOST:
            del self._keys[next(iter(self._keys))]

    def _want(self, key: str, want: Want) -> None:
        self._wants[key] = want
        if len(self._wants) > MOST:
            self._wants.popitem(last=False)

    # ---- requests

    def request(self, method: str, params: dict[str, Any], key: str, at: At, out: list[Event], talk: Talk) -> bool:
        """A request of the agent. False: it is not known, and is shown as it is."""
        own = f"@{at.file}:{at.offset}"
        match method:
            case "session/request_permission":
                self._permission(params, key, own, at, out, talk)
            case "fs/read_text_file":
                out.append(ToolStarted(at, own, "read file", "tool.read", one_line(string(params, "path")),
                                       clean(dump(params)), "pending"))  # fmt: skip
                self._want(key, Want(own))
            case "fs/write_text_file":
                path = string(params, "path")
                given = clean(dump({"path": path}))
                out.append(ToolStarted(at, own, "write file", "tool.edit", one_line(path), given, "pending"))
                hunks = tuple(between("", string(params, "content"), path))
                out.append(ToolUpdated(at, own, hunks=hunks or None))
                self._want(key, Want(own))
            case "terminal/create":
                words = params.get("args")
                words = [word for word in words if type(word) is str] if type(words) is list else []
                line = one_line(clean(" ".join([string(params, "command"), *words])))
                out.append(ToolStarted(at, own, "terminal", "tool.shell", line, clean(dump(params)), "pending"))
                self._want(key, Want(own))
            case "elicitation/create":
                options = _choices(table(params, "requestedSchema"))
                title = one_line(string(params, "message")) or "The agent asks"
                out.append(ToolStarted(at, own, "question", "tool", title, clean(dump(params)), "pending"))
                out.append(Asked(at, key, own, title, options))
                self._want(key, Want(own, None, options))
            case "mcp/connect" | "mcp/disconnect" | "mcp/message":
                out.append(Called(at, key, method))
            case _ if method in QUIET:
                self._want(key, Want("", terminal=string(params, "terminalId")))
                out.append(Called(at, key, method))
            case _:
                out.append(Called(at, key, clean(method)[:100]))
                return False
        return True

    def _permission(self, params: dict[str, Any], key: str, own: str, at: At, out: list[Event], talk: Talk) -> None:
        subject = table(params, "subject")
        given = table(params, "toolCall") or table(subject, "toolCall")
        if not given and string(subject, "toolCallId"):
            given = {"toolCallId": string(subject, "toolCallId"), "kind": "execute", "rawInput": subject}
        title = one_line(string(params, "title") or string(given, "title"))
        call = talk.calls.take({"toolCallId": own, **given}, at, out)
        options = content.options_of(params.get("options"))
        if call is None:  # its id is no text
            call = talk.calls.take({**given, "toolCallId": own}, at, out)
        if call is not None:
            talk.calls.ask(call, key, title, options, at, out)
            self._want(key, Want(call.item, call, options))

    # ---- answers

    def answered(self, method: str, key: str, body: dict[str, Any], at: At, out: list[Event], talk: Talk) -> bool:
        """What the client answered."""
        want, result, error = self._wants.pop(key, None), table(body, "result"), body.get("error")
        if want is None:
            return True  # of what was not shown, or before this log begins
        if want.call is not None:
            self._decided(want, key, result, error, at, out, talk)
        elif method == "elicitation/create":
            action = string(result, "action") or "decline"
            ok = action == "accept"
            said = ", ".join(str(value) for value in table(result, "content").values())
            answer = f"Answered: {one_line(said, 200)}" if ok else f"Not answered ({one_line(action, 40)})"
            out.append(ToolUpdated(at, want.row, "ok" if ok else "cancelled", answer=answer))
        elif method in QUIET:
            self._terminal_said(method, want.terminal, result, at, out, talk)
        elif want.refused:
            return True
        elif error is not None:
            out.append(ToolUpdated(at, want.row, "failed", content.failure(error)))
        elif method == "terminal/create":
            self._named(string(result, "terminalId"), want.row)
            out.append(ToolUpdated(at, want.row, "running"))
        else:
            text = string(result, "content") if method == "fs/read_text_file" else None
            out.append(ToolUpdated(at, want.row, "ok", text))
        return True

    def _decided(
        self, want: Want, key: str, result: dict[str, Any], error: Any, at: At, out: list[Event], talk: Talk
    ) -> None:
        outcome = table(result, "outcome")
        chosen = string(outcome, "optionId")
        option = next((one for one in want.options if one.id == chosen), None)
        status: Status = "cancelled"
        if error is not None:
            answer = f"Not answered: {content.failure(error)}"
        elif string(outcome, "outcome") == "selected":
            allowed = option is not None and not option.kind.startswith("reject")
            status = "running" if allowed else "cancelled"
            answer = f"{'Allowed' if allowed else 'Refused'}: {one_line(option.name if option else chosen, 200)}"
        else:
            answer = "Cancelled before it was answered"
        if want.call is not None:
            talk.calls.settle(want.call, key, answer, status, at, out)

    def withdrawn(self, name: str, at: At, out: list[Event]) -> None:
        """The agent takes a request back."""
        key = self._keys.get(name, "")
        want = self._wants.pop(key, None)
        if want is None:
            return
        out.append(Called(at, key, "$/cancel_request"))
        if want.call is not None:
            want.call.asked.discard(key)
        out.append(ToolUpdated(at, want.row, "cancelled", answer="The agent took its question back"))

    # ---- terminals

    def _named(self, terminal: str, row: str) -> None:
        self._terminals[terminal] = row
        if len(self._terminals) > MOST:
            self._told.discard(self._terminals.popitem(last=False)[0])

    def _printed(self, terminal: str, text: str) -> None:
        """Keep the end of what a terminal printed, for a call that shows it later."""
        self._outputs[terminal] = (self._outputs.pop(terminal, "") + text)[-OUTPUT:]
        if len(self._outputs) > TERMINALS:
            del self._outputs[next(iter(self._outputs))]

    def joined(self, calls: Calls, at: At, out: list[Event]) -> None:
        """Calls show terminals: what those have printed so far."""
        for terminal, row in calls.joined:
            if self._outputs.get(terminal) and row != self._terminals.get(terminal):
                out.append(ToolUpdated(at, row, output=self._outputs[terminal]))
        calls.joined.clear()

    def _rows(self, terminal: str, talk: Talk) -> list[str]:
        rows = [self._terminals.get(terminal, ""), talk.calls.shown_in(terminal)]
        return [row for row in dict.fromkeys(rows) if row]

    def _terminal_said(
        self, method: str, terminal: str, result: dict[str, Any], at: At, out: list[Event], talk: Talk
    ) -> None:
        """`terminal/output` and `terminal/wait_for_exit` of a client that keeps no notes."""
        if terminal in self._told:
            return
        status = table(result, "exitStatus") or (result if method == "terminal/wait_for_exit" else {})
        for row in self._rows(terminal, talk):
            if method == "terminal/output":
                out.append(ToolUpdated(at, row, None, string(result, "output")))
            if status and row == self._terminals.get(terminal):
                out.append(_exit(row, status, at))

    def terminal(self, update: dict[str, Any], at: At, out: list[Event], talk: Talk) -> bool:
        """Version 2: the agent tells of a terminal of its own."""
        id = string(update, "terminalId")
        rows = self._rows(id, talk)
        if not rows:
            row = f"@{at.file}:{at.offset}"
            out.append(ToolStarted(at, row, "terminal", "tool.shell", one_line(string(update, "command"))))
            self._named(id, row)
            rows = [row]
        whole = table(update, "output")
        piece = _decoded(string(update, "data")) if "data" in update else None
        for row in rows:
            if piece:
                out.append(ToolUpdated(at, row, output=piece, append=True))
            if whole:
                out.append(ToolUpdated(at, row, output=_decoded(string(whole, "data"))))
            if table(update, "exitStatus"):
                out.append(_exit(row, table(update, "exitStatus"), at))
        return True

    def content_chunk(self, update: dict[str, Any], at: At, out: list[Event], talk: Talk) -> bool:
        """Version 2: one more piece of a call's content."""
        call = talk.calls.get(string(update, "toolCallId"))
        if call is None:
            talk.close(at.agent)
            call = talk.calls.take({"toolCallId": string(update, "toolCallId")}, at, out)
        if call is None:
            return False
        shown = content.Shown([update.get("content")])
        text = f"{chr(10) if call.output else ''}{shown.text}" if shown.text else None
        call.output = call.output or text is not None
        if text is not None or shown.hunks or shown.images:
            out.append(ToolUpdated(at, call.item, None, text, append=True, hunks=tuple(shown.hunks) or None,
                                   images=shown.images))  # fmt: skip
        return True

    # ---- our notes

    def note(self, note: dict[str, Any], at: At, out: list[Event], talk: Talk) -> bool:
        """What our own client wrote down besides the messages."""
        does = _NOTES.get(string(note, "is"))
        if does is None:
            return False
        does(self, note, at, out, talk)
        return True

    def _noticed(self, note: dict[str, Any], at: At, out: list[Event], talk: Talk) -> None:
        talk.close(at.agent)
        level = string(note, "level")
        out.append(
            NoticeAdded(at, f"@{at.file}:{at.offset}", string(note, "kind") or "info", string(note, "text"),
                        level if level in LEVELS else "info", string(note, "detail"))  # type: ignore[arg-type]
        )  # fmt: skip

    def _consent(self, note: dict[str, Any], at: At, out: list[Event], talk: Talk) -> None:
        """We ask the user before we do what the agent wants of us."""
        key = f"a:#{count(note.get('n'))}"
        want = self._wants.get(key)
        if want is None:
            return
        want.options = content.options_of(note.get("options"))
        self._differs(note, want.row, at, out)
        out.append(Asked(at, key, want.row, one_line(string(note, "title")) or "The agent asks", want.options))

    def _differs(self, note: dict[str, Any], row: str, at: At, out: list[Event]) -> None:
        """What a file that is to be written has now: the difference says more than all of the new."""
        if type(note.get("old")) is str:
            hunks = tuple(between(string(note, "old"), string(note, "new"), string(note, "path")))
            out.append(ToolUpdated(at, row, hunks=hunks or None))

    def _consented(self, note: dict[str, Any], at: At, out: list[Event], talk: Talk) -> None:
        key = f"a:#{count(note.get('n'))}"
        want = self._wants.get(key)
        if want is not None:
            out.append(Called(at, key, "consent"))
            ok = note.get("ok") is True
            want.refused = not ok
            self._differs(note, want.row, at, out)
            out.append(ToolUpdated(at, want.row, "running" if ok else "cancelled", answer=string(note, "text")))

    def _noted(self, note: dict[str, Any]) -> str:
        """The terminal of a note, which may come before the answer that names it to the agent."""
        id = string(note, "terminal")
        want = self._wants.get(f"a:#{count(note.get('n'))}")
        if want is not None and id not in self._terminals:
            self._named(id, want.row)
        self._told.add(id)
        return id

    def _output(self, note: dict[str, Any], at: At, out: list[Event], talk: Talk) -> None:
        id = self._noted(note)
        text = string(note, "output")
        self._printed(id, text)
        out += [ToolUpdated(at, row, output=text, append=True) for row in self._rows(id, talk)]

    def _exited(self, note: dict[str, Any], at: At, out: list[Event], talk: Talk) -> None:
        row = self._terminals.get(self._noted(note), "")
        if row:
            out.append(_exit(row, note, at))

    def _ended(self, note: dict[str, Any], at: At, out: list[Event], talk: Talk) -> None:
        """The agent is gone: nothing that is open will be answered."""
        talk.close(at.agent)
        talk.calls.close(at, out, "The agent ended before it was answered")
        for key, want in self._wants.items():
            if want.call is None and want.row:
                answer = "The agent ended before it was answered" if want.options else None
                out.append(ToolUpdated(at, want.row, "cancelled", answer=answer))
            out.append(Called(at, key, "ended"))
        self._wants.clear()
        if note.get("ok") is not True:
            text = string(note, "text")
            out.append(NoticeAdded(at, f"@{at.file}:{at.offset}", "agent_error", text, "error", string(note, "detail")))
        if talk.busy:
            out.append(TurnEnded(at, "error", reason="interrupted"))
            talk.idle()


_NOTES: Final[dict[str, Callable[[Client, dict[str, Any], At, list[Event], Talk], None]]] = {
    "notice": Client._noticed, "consent": Client._consent, "consented": Client._consented, "output": Client._output,
    "exit": Client._exited, "ended": Client._ended,
}  # fmt: skip


def _exit(row: str, status: dict[str, Any], at: At) -> ToolUpdated:
    code, signal = count(status.get("exitCode")), string(status, "signal")
    ok = code == 0 and not signal
    return ToolUpdated(
        at, row, "ok" if ok else "failed", exit_code=code, answer=f"Ended by {signal}" if signal else None
    )


def _decoded(data: str) -> str:
    try:
        return clean(base64.b64decode(data).decode("utf-8", "replace"))
    except (binascii.Error, ValueError):
        return data


def _choices(schema: dict[str, Any]) -> tuple[Option, ...]:
    """The values of the one property that a form asks for."""
    properties = table(schema, "properties")
    if len(properties) != 1:
        return ()
    [told] = properties.values()
    values = told.get("enum") if type(told) is dict else None
    return tuple(Option(one, one) for one in values if type(one) is str) if type(values) is list else ()
