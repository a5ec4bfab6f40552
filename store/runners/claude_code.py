"""Claude Code: `claude -p` with stream-json. The prompt goes in on standard input; its result record says what came."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from store.attach import Attached, read
from store.errors import StoreError
from store.formats.claude_files import holder
from store.runners.base import (
    YES,
    Abilities,
    Ability,
    Ask,
    Child,
    Command,
    End,
    Outcome,
    Runner,
    count,
    ended_well,
    micros,
    records,
)
from store.runners.base import tail as last_words
from store.runners.base import text as text_of
from store.runners.claude_talk import Talked
from store.sources.process import Fact

ASKING: Final = ("--input-format", "stream-json", "--permission-prompt-tool", "stdio")
STREAM: Final = ("-p", "--output-format", "stream-json", "--verbose", "--include-partial-messages")
MODES: Final = ("default", "plan", "acceptEdits", "bypassPermissions")
PIECE: Final = 1 << 20
LINE: Final = 64 << 10  # bytes of a record that may lie across two pieces
GONE: Final = ("No conversation found with session ID", "--resume requires a valid session")
# Of a claude that started us: another one would take itself for its child.
_INHERITED: Final = {"CLAUDECODE": "", "CLAUDE_CODE_ENTRYPOINT": ""}


def command(asked: Ask) -> Command:
    if asked.images and not asked.attended:
        raise StoreError("Images go along with a prompt of a person only: name their files in it.")
    argv = ["claude", *STREAM, *(ASKING if asked.attended else ())]
    if asked.permission:
        argv += ["--permission-mode", asked.permission]
    if asked.llm:
        argv += ["--model", asked.llm]
    if asked.resume:
        argv += ["--resume", asked.resume]
    if asked.fork:
        argv.append("--fork-session")
    return Command(tuple(argv), _prompt(asked).encode("utf-8", "replace"), _INHERITED)


def talk(
    asked: Ask,
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    *,
    out: Callable[[bytes], None],
    fact: Callable[[Fact], None],
) -> Child:
    """Start it with somebody there: what it asks is answered while it runs."""
    prompt = _prompt(asked).encode("utf-8", "replace").decode()  # JSON has no halves of surrogate pairs
    return Talked(argv, cwd, env, content(prompt, asked.images), out=out, fact=fact)


def content(prompt: str, images: Sequence[Attached]) -> str | list[dict[str, Any]]:
    """What a user's message has: words, or blocks where images go along. Reads them; raises StoreError."""
    blocks: list[dict[str, Any]] = [{"type": "text", "text": prompt}] if prompt else []
    for image in images:
        data = base64.b64encode(read(image)).decode()
        source = {"type": "base64", "media_type": image.mime, "data": data}
        blocks.append({"type": "image", "source": source})
    return blocks if images else prompt


def _prompt(asked: Ask) -> str:
    return f"/compact {asked.prompt}".strip() if asked.compact else asked.prompt


def outcome(lines: Iterable[bytes], stderr: bytes, end: End) -> Outcome:
    """The last `result` decides; a background agent makes two of them."""
    session: str | None = None
    began = asks = False
    turns = 0
    results: list[dict[str, Any]] = []
    for record in records(lines):
        kind = record.get("type")
        if kind == "system" and record.get("subtype") == "init":
            began = True
            session = text_of(record.get("session_id")) or session
        elif kind == "control_request":
            asks = True
        elif kind == "result":
            results.append(record)
            turns += count(record.get("num_turns")) or 0
    if not results:
        # It never came so far, or was killed: what it complained about is all there is.
        words = last_words(stderr)
        stale = not began and any(gone in line for gone in GONE for line in words)
        return Outcome(False, stale, None if stale else session, errors=words)
    last = results[-1]
    errors = tuple(error for error in _list(last.get("errors")) if type(error) is str)
    failed = last.get("is_error") is True or text_of(last.get("subtype")).startswith("error")
    stale = failed and not began and any(gone in error for gone in GONE for error in (*errors, *last_words(stderr)))
    said = text_of(last.get("result"))
    if failed and not errors:
        errors = (said,) if said else last_words(stderr) or (text_of(last.get("subtype")).replace("_", " "),)
    used = [record.get("usage") for record in results] if began else []
    cost = last.get("total_cost_usd")  # of the whole session, over all of its resumes
    if last.get("terminal_reason") in ("aborted_streaming", "aborted_tools"):
        errors = ("It was interrupted.",)
    return Outcome(
        ok=not failed and ended_well(end),
        stale=stale,
        session=None if stale else session or (text_of(last.get("session_id")) or None if began else None),
        text="" if failed else said,
        errors=errors,
        turns=turns if began else None,
        input_tokens=_sum(used, "input_tokens"),
        output_tokens=_sum(used, "output_tokens"),
        cache_read_tokens=_sum(used, "cache_read_input_tokens"),
        cache_write_tokens=_sum(used, "cache_creation_input_tokens"),
        cost_micros=micros(cost) if began else None,
        in_all=True,
        told=True,
        note="" if failed or asks else _refused(results),
    )


def _refused(results: Sequence[dict[str, Any]]) -> str:
    """That calls were refused, because nobody was there to be asked."""
    calls = [one for result in results for one in _list(result.get("permission_denials")) if type(one) is dict]
    if not calls:
        return ""
    names = sorted({text_of(one.get("tool_name")) or "a tool" for one in calls})
    some = "1 call was" if len(calls) == 1 else f"{len(calls)} calls were"
    return f"{some} not allowed ({', '.join(names)}): its permission mode has to allow them beforehand."


def _list(value: Any) -> Sequence[Any]:
    return value if type(value) is list else ()


def _sum(usages: Sequence[Any], name: str) -> int | None:
    known = [found for usage in usages if type(usage) is dict and (found := count(usage.get(name))) is not None]
    return sum(known) if known else None


def root() -> Path:
    """Where Claude keeps its things."""
    return Path(os.environ.get("CLAUDE_CONFIG_DIR") or "~/.claude").expanduser()


def transcript(session: str, cwd: Path) -> Path | None:
    """Its file: in the folder of the project it began in, which need not be this one."""
    if not session or "/" in session or session in (".", ".."):
        return None
    projects = root() / "projects"
    name = f"{session}.jsonl"
    here = projects / "".join(sign if sign.isalnum() else "-" for sign in str(cwd)) / name
    if here.is_file():
        return here
    try:
        return next((path for folder in sorted(projects.iterdir()) if (path := folder / name).is_file()), None)
    except OSError:
        return None


def spent(path: Path) -> int | None:
    """What the session of a file has cost so far, as its newest record of that says. Reads from the end."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            if end == 0:
                return 0
            rest = b""
            while end > 0:
                start = max(0, end - PIECE)
                file.seek(start)
                data = file.read(end - start) + rest
                at = data.rfind(b'"type":"cost-state"')
                if at >= 0 and (found := _cost(data, at)) is not None:
                    return found
                rest = data[: data.find(b"\n") + 1][:LINE]
                end = start
    except OSError:
        pass
    return None


def _cost(data: bytes, at: int) -> int | None:
    line = data[data.rfind(b"\n", 0, at) + 1 :].split(b"\n", 1)[0]
    record = next(iter(records([line])), None)
    cost = record.get("totalCostUSD") if record is not None and record.get("type") == "cost-state" else None
    return micros(cost)


RUNNER = Runner(
    name="claude-code",
    title="Claude Code",
    agent="claude-code",
    program="claude",
    abilities=Abilities(
        resume=YES,
        fork=YES,
        compact=YES,
        permissions=YES,
        live=Ability(False, "A prompt is sent when the turn before it has ended."),
        modes=MODES,
        images=YES,
    ),
    command=command,
    outcome=outcome,
    talk=talk,
    transcript=transcript,
    provisional=True,
    stream="claude-stream",
    terminal=lambda session, fork: ("claude", "--resume", session, *(("--fork-session",) if fork else ())),
    compaction=b'"compact_boundary"',
    over=b'"type":"result"',
    spent=spent,
    holder=holder,
)
