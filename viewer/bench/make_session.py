"""Writes made-up Claude Code session files of any size for benches and tests: same seed, same bytes. Knows no store.

The mix is that of long working days: prompts, thinking, Markdown answers, Bash/Read/Edit/Grep calls with their results
(once as text for the LLM, once as the client's own object), turn ends; about 1.9 KB per record. Text is cut from a few
pools made once, so that a gigabyte takes seconds and not minutes.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

START: Final = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
CHUNK: Final = 4 << 20  # bytes per write
BIG_OUTPUT: Final = 16_384  # bytes of a printed file from which on its payload is compressed
_WORDS: Final = tuple(
    word
    for line in (
        "parser token buffer offset frame window queue thread reader writer record branch commit index row column",
        "width height glyph cache signal slot model view delta batch socket stream handle error retry limit",
        "budget scale the a of to and in is it that when for with not this from then before after only each because",
        "which until checks reads writes keeps moves splits joins folds paints waits returns raises passes holds drops",
        "counts",
    )
    for word in line.split()
)
_CODE: Final = (
    "def {0}_{1}(self, {2}: int, {3}: str = '') -> bool:\n",
    "    if self.{0} is None or {1} > self.{2}:\n",
    "        raise ValueError(f'{0} of {1} is {{{2}}}')\n",
    "    for {0} in sorted(self.{1}, key=lambda {2}: {2}.{3}):\n",
    "        self.{0}[{1}] = {2}({3}, limit=4096)\n",
    "    return {0}.{1}({2}) == {3}  # the {0} before the {1}\n",
    "    {0}, {1} = {2}.split(':', 1)\n",
    "\n",
)
_PATHS: Final = ("src/reader.py", "src/window/frame.py", "tests/test_queue.py", "lib/cache.ts", "docs/limits.md")


class Pools:
    """The texts that records are cut from."""

    def __init__(self, rng: random.Random) -> None:
        words = [rng.choice(_WORDS) for _ in range(40_000)]
        sentences: list[str] = []
        index = 0
        while index < len(words):
            length = rng.randint(5, 16)
            sentences.append(" ".join(words[index : index + length]).capitalize() + ".")
            index += length
        self.prose = " ".join(sentences)
        pick = rng.choice
        self.code = "".join(
            pick(_CODE).format(pick(_WORDS), pick(_WORDS), pick(_WORDS), pick(_WORDS)) for _ in range(6_000)
        )
        self.markdown = self._markdown(rng, sentences)

    @staticmethod
    def _markdown(rng: random.Random, sentences: list[str]) -> str:
        parts: list[str] = []
        for _ in range(700):
            match rng.randrange(6):
                case 0:
                    parts.append(f"## {rng.choice(sentences)[:40]}\n\n")
                case 1:
                    parts += [f"- **{rng.choice(_WORDS)}**: {rng.choice(sentences)}\n" for _ in range(4)]
                    parts.append("\n")
                case 2:
                    one, other = rng.choice(_WORDS), rng.choice(_WORDS)
                    parts.append(f"```python\n{one} = {other}({rng.randrange(999)})\n```\n\n")
                case _:
                    prose = " ".join(rng.choice(sentences) for _ in range(3))
                    parts.append(f"{prose} See `{rng.choice(_PATHS)}`.\n\n")
        return "".join(parts)


@cache
def _pools() -> Pools:
    """Those of all sessions: making them costs more than a small session does."""
    return Pools(random.Random(7))


class Maker:
    """One session's records in order. `agent` makes them those of a subagent's file."""

    def __init__(self, seed: int, session: str, agent: str = "", calls: tuple[str, ...] = ()) -> None:
        self._rng = random.Random(seed)
        self._pools = _pools()
        self._time = START + timedelta(days=seed % 28)
        self._last: str | None = None
        self._count = 0
        self._calls = list(calls)  # ids of Agent calls to put in, first ones first
        self._base: dict[str, Any] = {
            "isSidechain": bool(agent), "userType": "external", "cwd": "/home/dev/made-up", "sessionId": session,
            "version": "2.1.270", "gitBranch": "main", "entrypoint": "cli",
        }  # fmt: skip
        if agent:
            self._base["agentId"] = agent

    def _envelope(self, kind: str) -> dict[str, Any]:
        self._count += 1
        uuid = f"{self._rng.getrandbits(128):032x}"
        uuid = f"{uuid[:8]}-{uuid[8:12]}-{uuid[12:16]}-{uuid[16:20]}-{uuid[20:]}"
        self._time += timedelta(milliseconds=self._rng.randrange(200, 9_000))
        record = {
            "parentUuid": self._last, **self._base, "type": kind, "uuid": uuid,
            "timestamp": self._time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self._time.microsecond // 1000:03}Z",
        }  # fmt: skip
        self._last = uuid
        return record

    def _cut(self, pool: str, low: int, high: int) -> str:
        length = self._rng.randrange(low, high)
        start = self._rng.randrange(len(pool) - length)
        return pool[start : start + length]

    def _prompt(self) -> dict[str, Any]:
        record = self._envelope("user")
        record["message"] = {"role": "user", "content": self._cut(self._pools.prose, 40, 600)}
        if not self._base["isSidechain"]:
            record["origin"] = {"kind": "human"}
        return record

    def _answer(self, message: str, block: dict[str, Any], index: int, stop: str) -> dict[str, Any]:
        record = self._envelope("assistant")
        used = self._rng.randrange(12_000, 150_000)
        record["message"] = {
            "model": "claude-opus-5", "id": message, "type": "message", "role": "assistant", "content": [block],
            "stop_reason": stop, "stop_sequence": None,
            "usage": {
                "input_tokens": 10, "cache_creation_input_tokens": 853, "cache_read_input_tokens": used,
                "output_tokens": self._rng.randrange(20, 900), "service_tier": "standard",
                "cache_creation": {"ephemeral_1h_input_tokens": 853, "ephemeral_5m_input_tokens": 0},
            },
        }  # fmt: skip
        record["requestId"] = f"req_{message[4:]}"
        record["apiBlockIndex"] = index
        return record

    def _result(self, call: str, content: str, result: Any, *, error: bool = False) -> dict[str, Any]:
        record = self._envelope("user")
        block = {"type": "tool_result", "tool_use_id": call, "content": content, "is_error": error}
        record["message"] = {"role": "user", "content": [block]}
        record["toolUseResult"] = result
        return record

    def _tool(self) -> tuple[str, dict[str, Any], str, Any, bool]:
        """Name, input, result text, result object, is error."""
        rng, pools = self._rng, self._pools
        given: dict[str, Any]
        result: Any
        path = f"/home/dev/made-up/{rng.choice(_PATHS)}"
        match rng.randrange(8):
            case 0 | 1 | 2:
                failed = rng.random() < 0.08
                out = self._cut(pools.code, 40, 1_600)
                given = {"command": f"make {rng.choice(_WORDS)} && pytest -k {rng.choice(_WORDS)}", "description": "Go"}
                result = f"Error: Exit code 1\n{out}" if failed else {"stdout": out, "stderr": "", "interrupted": False}
                return "Bash", given, f"Exit code 1\n{out}" if failed else out, result, failed
            case 3 | 4:
                text = self._cut(pools.code, 400, 5_200)
                lines = text.split("\n")
                shown = "\n".join(f"{number:6}\t{line}" for number, line in enumerate(lines, 1))
                count = len(lines)
                file = {"filePath": path, "content": text, "numLines": count, "startLine": 1, "totalLines": count}
                return "Read", {"file_path": path}, shown, {"type": "text", "file": file}, False
            case 5 | 6:
                old, new = self._cut(pools.code, 60, 400), self._cut(pools.code, 60, 600)
                minus = [f"-{line}" for line in old.split("\n")]
                plus = [f"+{line}" for line in new.split("\n")]
                hunk = {
                    "oldStart": 40, "oldLines": len(minus), "newStart": 40, "newLines": len(plus),
                    "lines": minus + plus,
                }  # fmt: skip
                result = {
                    "filePath": path, "oldString": old, "newString": new, "originalFile": None,
                    "structuredPatch": [hunk], "userModified": False, "replaceAll": False,
                }  # fmt: skip
                given = {"file_path": path, "old_string": old, "new_string": new}
                return "Edit", given, f"The file {path} has been updated.", result, False
            case _:
                names = [f"src/{rng.choice(_WORDS)}_{number}.py" for number in range(rng.randrange(1, 12))]
                result = {"mode": "files_with_matches", "numFiles": len(names), "filenames": names}
                return "Grep", {"pattern": rng.choice(_WORDS), "path": "src"}, "\n".join(names), result, False

    def records(self) -> Iterator[dict[str, Any]]:
        """Records without end, turn after turn."""
        rng = self._rng
        while True:
            yield self._prompt()
            for _ in range(rng.randrange(2, 9)):
                yield from self._step(f"msg_{rng.getrandbits(96):024x}")
            yield self._answer(f"msg_{rng.getrandbits(96):024x}", self._text(300, 4_000), 0, "end_turn")
            if not self._base["isSidechain"]:
                record = self._envelope("system")
                duration = rng.randrange(4_000, 400_000)
                record |= {"subtype": "turn_duration", "durationMs": duration, "messageCount": 12, "isMeta": False}
                yield record

    def printing(self, outputs: Iterable[str]) -> Iterator[dict[str, Any]]:
        """A turn whose commands print these texts."""
        yield self._prompt()
        for text in outputs:
            call, message = (f"{kind}_{self._rng.getrandbits(96):024x}" for kind in ("toolu", "msg"))
            given = {"command": "cat it", "description": "Show it"}
            yield self._answer(message, {"type": "tool_use", "id": call, "name": "Bash", "input": given}, 0, "tool_use")
            yield self._result(call, text, {"stdout": text, "stderr": "", "interrupted": False})

    def _text(self, low: int, high: int) -> dict[str, Any]:
        return {"type": "text", "text": self._cut(self._pools.markdown, low, high)}

    def _step(self, message: str) -> Iterator[dict[str, Any]]:
        """One answer of the LLM, block by block, and the result of its tool call."""
        rng = self._rng
        index = 0
        if rng.random() < 0.6:
            text = self._cut(self._pools.prose, 120, 1_600)
            yield self._answer(message, {"type": "thinking", "thinking": text, "signature": "c2ln" * 40}, 0, "tool_use")
            index += 1
        if rng.random() < 0.4:
            yield self._answer(message, self._text(60, 900), index, "tool_use")
            index += 1
        call = self._calls.pop(0) if self._calls else ""
        if call:
            name, given, text, error = "Agent", {"prompt": "look", "description": "Look"}, "done", False
            result: Any = {"status": "completed", "agentType": "general-purpose"}
        else:
            call = f"toolu_{rng.getrandbits(96):024x}"
            name, given, text, result, error = self._tool()
        yield self._answer(message, {"type": "tool_use", "id": call, "name": name, "input": given}, index, "tool_use")
        yield self._result(call, text, result, error=error)


def lines(seed: int = 0, session: str = "00000000-0000-4000-8000-000000000000", **more: Any) -> Iterator[bytes]:
    """Lines without end, with their newline."""
    dumps = orjson.dumps
    for record in Maker(seed, session, **more).records():
        yield dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def write_printing(path: Path, files: Iterable[Path]) -> None:
    """Write a session whose commands print these files, each that is big enough for a payload to be compressed."""
    texts = (file.read_text("utf-8", "replace") for file in files if file.stat().st_size > BIG_OUTPUT)
    made = (orjson.dumps(record) + b"\n" for record in Maker(0, path.stem).printing(texts))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(made))


def write_session(
    path: Path,
    *,
    records: int | None = None,
    size: int | None = None,
    seed: int = 0,
    agents: int = 0,
    agent_records: int = 40,
) -> int:
    """Write a session of so many records or at least so many bytes, and its subagents' files; returns its records.

    The file's stem is the session's id, as in Claude Code; subagents lie in `<stem>/subagents/`.
    """
    if (records is None) == (size is None):
        raise ValueError("either records or size")
    path.parent.mkdir(parents=True, exist_ok=True)
    calls = tuple(f"toolu_agent{seed:06}{number:06}" for number in range(agents))
    for number, call in enumerate(calls):
        name = f"a{seed:06x}{number:06x}"
        file = path.parent / path.stem / "subagents" / f"agent-{name}.jsonl"
        _write(file, lines(seed * 1000 + number + 1, path.stem, agent=name), agent_records, None)
        meta = {"agentType": "general-purpose", "description": "Look", "toolUseId": call, "spawnDepth": 1}
        file.with_name(f"agent-{name}.meta.json").write_bytes(orjson.dumps(meta))
    return _write(path, lines(seed, path.stem, calls=calls), records, size)


def _write(path: Path, source: Iterator[bytes], records: int | None, size: int | None) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    count = written = held = 0
    waiting: list[bytes] = []
    with path.open("wb") as out:
        while (records is not None and count < records) or (size is not None and written < size):
            line = next(source)
            waiting.append(line)
            count += 1
            held += len(line)
            written += len(line)
            if held >= CHUNK:
                out.write(b"".join(waiting))
                waiting, held = [], 0
        out.write(b"".join(waiting))
    return count
