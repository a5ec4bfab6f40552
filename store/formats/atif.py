"""ATIF: a whole trajectory as one JSON object, exported by a harness from any agent. Found by folder.

After harbor's specification (docs `agents/trajectory-format`, models of ATIF-v1.0 to v1.8) and a trajectory of v1.7.
Tokens are those of the steps; where no step tells any, those of the end. Prompt tokens include what was cached. Steps
that were copied in from an earlier trajectory are shown and not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from store.decode import clean, dump, type_of, unreadable
from store.events import (
    AdapterSeen,
    At,
    ConfigChanged,
    Event,
    ItemId,
    MessageDone,
    NoticeAdded,
    PromptText,
    SessionNamed,
    Spent,
    ThoughtDone,
    Tokens,
    ToolUpdated,
    TurnEnded,
    Usage,
)
from store.formats import claude_tools, codex_tools, copilot_tools, cursor_tools, gemini_tools, kimi_tools
from store.formats.base import Format, Record
from store.formats.calls import exit_code_of, mcp_title, started, text_of
from store.formats.values import count, moment, number, one_line, string, table
from store.formats.values import tokens as taken

DEPTH: Final = 32  # subagents in subagents
HEAD: Final = 4096  # bytes in which the version mostly stands
HIDDEN: Final[Mapping[str, str]] = {"final_metrics": "sums of the steps; they count where no step tells its own"}
KINDS: Final[Mapping[str, str]] = {
    **kimi_tools.KINDS, **cursor_tools.KINDS, **copilot_tools.KINDS, **gemini_tools.KINDS, **codex_tools.KINDS,
    **claude_tools.KINDS,
    "terminal": "tool.shell", "process": "tool.shell", "bash_command": "tool.shell", "execute_bash": "tool.shell",
    "execute_command": "tool.shell", "str_replace_based_edit_tool": "tool.edit", "patch": "tool.edit",
    "search_files": "tool.search", "browser": "tool.web", "delegate_task": "tool.agent", "todo": "tool.todo",
}  # fmt: skip


class Reader:
    """One per file: every record is a trajectory of its own."""

    def events(self, record: Record) -> Sequence[Event]:
        data = record.data
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        if not string(data, "schema_version").startswith("ATIF") or type(data.get("steps")) is not list:
            return (unreadable(record, type_of(data), "no trajectory"),)
        out: list[Event] = []
        at, agent = record.at, table(data, "agent")
        out.append(SessionNamed(at, string(data, "session_id") or string(data, "trajectory_id")))
        out.append(AdapterSeen(at, string(agent, "name") or "unknown", string(agent, "version")))
        _Trajectory(data, at, f"@{at.file}:{at.offset}", out).tell()
        return out


class _Trajectory:
    """One trajectory, told into `out`. `base` is where it stands; a subagent's has an agent and a parent there."""

    def __init__(self, data: dict[str, Any], base: At, prefix: str, out: list[Event], depth: int = 0) -> None:
        self._data, self._base, self._prefix, self._out, self._depth = data, base, prefix, out, depth
        self._llm = ""
        self._named = self._worked = False
        self._spent = self._priced = False  # did a step tell tokens, and money
        self._cost: float | None = None  # of the turn so far
        told = data.get("subagent_trajectories")
        embedded = [one for one in told if type(one) is dict] if type(told) is list else []
        self._inner = {string(one, "trajectory_id") or f"#{index}": one for index, one in enumerate(embedded)}
        trajectory = string(data, "trajectory_id")
        session = string(data, "session_id") or trajectory
        self._key = f"atif {session} {trajectory} {base.agent} " if session else ""  # of what its steps take

    def tell(self) -> None:
        data, out, base = self._data, self._out, self._base
        self._model(string(table(data, "agent"), "model_name"), base)
        at = base
        steps = data.get("steps")
        for index, step in enumerate(steps if type(steps) is list else ()):
            if type(step) is dict:
                stamp, source = step.get("timestamp"), string(step, "source")
                if source == "user" and self._worked:
                    out.append(TurnEnded(at, cost_usd=self._cost))
                    self._worked, self._cost = False, None
                ts = None if stamp is None else moment(stamp)
                at = At(ts, base.file, base.offset, base.length, base.agent, base.parent)
                self._worked = self._worked or source == "agent"
                item = f"{self._prefix}/{index}"
                self._step(step, source, item, at)
                if "tool_calls" in step or "observation" in step:
                    self._calls(step, item, at)
                if "metrics" in step:
                    self._metrics(step, index, at)
        for name, inner in list(self._inner.items()):  # whom no call names
            self._child(inner, name, None, at)
        if string(data, "notes"):
            text = string(data, "notes")
            out.append(NoticeAdded(at, f"{self._prefix}/notes", "info", f"Notes: {one_line(text)}", "info", text))
        if string(data, "continued_trajectory_ref"):
            told = f"Continued in {string(data, 'continued_trajectory_ref')}"
            out.append(NoticeAdded(at, f"{self._prefix}/next", "branch", one_line(told)))
        if steps:
            final = table(data, "final_metrics")
            used = () if self._spent else _final(final, self._llm)
            cost, since = self._cost, False
            if self._spent and not self._priced:  # only the end tells money: for all of it
                cost, since = number(final.get("total_cost_usd")), True
            out.append(TurnEnded(at, cost_usd=cost, used=used, since=since))

    def _model(self, llm: str, at: At) -> None:
        if llm and llm != self._llm:
            self._llm = llm
            if not at.agent:
                self._out.append(ConfigChanged(at, None, llm))

    # ---- steps

    def _step(self, step: dict[str, Any], source: str, item: ItemId, at: At) -> None:
        out = self._out
        text, images = text_of(step.get("message"))
        if source == "user":
            origin = "agent" if at.agent else "human"
            if origin == "human" and not self._named and text.strip():
                self._named = True
                out.append(SessionNamed(at, title=one_line(text, 200), rank=1))
            out.append(PromptText(at, item, text, origin, images))
        elif source == "system":
            out.append(PromptText(at, item, text, "injected", images))
        elif source == "agent" or step.keys() & {"tool_calls", "reasoning_content", "metrics", "model_name"}:
            if step.get("model_name") != self._llm:
                self._model(string(step, "model_name"), at)
            thought = string(step, "reasoning_content")
            if thought:
                out.append(ThoughtDone(at, f"{item}#thought", thought))
            if text:
                out.append(MessageDone(at, item, text, self._llm))
        elif text:
            out.append(NoticeAdded(at, item, "info", one_line(text, 1000), "info", text))

    def _calls(self, step: dict[str, Any], item: ItemId, at: At) -> None:
        """Calls and what they gave: a result names its call; where several share an id, it is the next of them."""
        told, seen = step.get("tool_calls"), step.get("observation")
        if not told and not seen:
            return
        rows: list[tuple[str, str, str]] = []  # (id, row, kind)
        for index, one in enumerate(told if type(told) is list else ()):
            if type(one) is not dict:
                continue
            name, row = string(one, "function_name"), f"{item}#{index}"
            kind = KINDS.get(name) or ("tool.mcp" if name.startswith("mcp_") else "tool")
            rows.append((string(one, "tool_call_id"), row, kind))
            self._out += started(row, name, kind, one.get("arguments"), at, title=mcp_title(name))
        results = seen.get("results") if type(seen) is dict else None
        for index, one in enumerate(results if type(results) is list else ()):
            if type(one) is not dict:
                continue
            id_ = string(one, "source_call_id")
            found = None
            if id_:
                for place, call in enumerate(rows):
                    if call[0] == id_:
                        found = rows.pop(place)
                        break
            self._result(one, found, item, index, at)
        for _, row, _ in rows:  # no result was recorded: it is over all the same
            self._out.append(ToolUpdated(at, row, "ok"))

    def _result(self, one: dict[str, Any], call: tuple[str, str, str] | None, item: ItemId, index: int, at: At) -> None:
        output, images = text_of(one.get("content"))
        refs = one.get("subagent_trajectory_ref")
        names: list[str] = []
        if refs is not None:
            refs = [ref for ref in (refs if type(refs) is list else [refs]) if type(ref) is dict]
            names = [string(ref, "trajectory_id") or string(ref, "session_id") for ref in refs]
            if not output:
                output = "\n".join(string(ref, "trajectory_path") for ref in refs if string(ref, "trajectory_path"))
        if call is None:  # of no call: what the surroundings said
            if output or images:
                self._out.append(PromptText(at, f"{item}#r{index}", output, "injected", images))
        else:
            code = exit_code_of(output) if call[2] == "tool.shell" else None
            failed = bool(code)
            if "extra" in one:
                extra = table(one, "extra")
                failed = failed or extra.get("is_error") is True or string(extra, "status") in ("error", "failed")
            child = next((name for name in names if name), None) if names else None
            self._out.append(
                ToolUpdated(
                    at, call[1], "failed" if failed else "ok", output, exit_code=code, child_agent=child, images=images
                )
            )
        for name in names:
            if name in self._inner:
                self._child(self._inner[name], name, call[1] if call is not None else None, at)

    def _child(self, inner: dict[str, Any], name: str, parent: ItemId | None, at: At) -> None:
        del self._inner[name]
        if self._depth >= DEPTH:
            told = clean(dump(inner))
            note = f"Subagent {name} is nested too deep"
            self._out.append(NoticeAdded(at, f"{self._prefix}/{name}", "info", note, "warning", told))
            return
        base = self._base
        child = At(None, base.file, base.offset, base.length, f"{base.agent}/{name}" if base.agent else name, parent)
        _Trajectory(inner, child, f"{self._prefix}/{name}", self._out, self._depth + 1).tell()

    # ---- figures

    def _metrics(self, step: dict[str, Any], index: int, at: At) -> None:
        """What the step took, if it says so."""
        told = step.get("metrics")
        if type(told) is not dict:
            return
        given, output = count(told.get("prompt_tokens")), count(told.get("completion_tokens"))
        if step.get("is_copied_context") is True or (given is None and output is None):
            return
        self._spent = True
        tokens = _tokens(told, ("prompt_tokens", "completion_tokens", "cached_tokens", "cost_usd"), self._llm)
        if tokens.cost_usd is not None:
            self._priced = True
            self._cost = (self._cost or 0.0) + tokens.cost_usd
        told_id = count(step.get("step_id"))
        key = f"{self._key}{index if told_id is None else told_id}" if self._key else ""
        self._out.append(Spent(at, key, tokens))
        if not at.agent:
            self._out.append(Usage(at, max(0, given or 0) + max(0, output or 0)))


def _final(told: dict[str, Any], llm: str) -> tuple[Tokens, ...]:
    keys = ("total_prompt_tokens", "total_completion_tokens", "total_cached_tokens", "total_cost_usd")
    if count(told.get(keys[0])) is None and count(told.get(keys[1])) is None:
        return ()
    return (_tokens(told, keys, llm),)


def _tokens(told: dict[str, Any], keys: tuple[str, str, str, str], llm: str) -> Tokens:
    given, output, read = taken(told.get(keys[0])), taken(told.get(keys[1])), taken(told.get(keys[2]))
    written = 0
    if "extra" in told:
        extra = table(told, "extra")
        written = taken(extra.get("cache_creation_input_tokens", extra.get("cache_write_tokens")))
    return Tokens(llm, max(0, given - read - written), output, read, written, cost_usd=number(told.get(keys[3])))


def claims(head: bytes, path: Path | None) -> int:
    """How surely this is a trajectory."""
    if not head.lstrip(b" \t\r\n\xef\xbb\xbf").startswith(b"{"):
        return 0
    if b'"ATIF-v' in head[:HEAD] and b'"schema_version"' in head[:HEAD]:
        return 95
    return 90 if b'"ATIF-v' in head and b'"schema_version"' in head and b'"steps"' in head else 0


def names(data: dict[str, Any]) -> str:
    return "trajectory" if "steps" in data else ""


FORMAT = Format(
    agent="atif",
    title="ATIF",
    reader=Reader,
    claims=claims,
    kinds=KINDS,
    hidden=HIDDEN,
    names=names,
)
