"""Inspect AI's evaluation logs, read-only: `.eval` (a zip) and `.json`; a sample is a conversation. Found by folder.

After inspect_ai's `log/_log.py` and published logs of 2024 and 2025. A sample is shown by its messages; what its events
tell besides is the time of each answer. Tokens are those of the samples, or of the whole run where no sample tells any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from store.decode import clean, dump, type_of, unreadable
from store.events import (
    AdapterSeen,
    At,
    ConfigChanged,
    Event,
    NoticeAdded,
    SessionNamed,
    Spent,
    Tokens,
    TurnEnded,
)
from store.formats.base import Format, Record
from store.formats.inspect_files import view
from store.formats.inspect_talk import KINDS, Talk, resolved, stamped
from store.formats.values import micros, moment, number, one_line, string, table, tokens

HIDDEN: Final[Mapping[str, str]] = {
    "header": "task, model and results: in the header of the session, and in its last row",
    "start": "task and model: in the header of the session",
    "list": "summaries, and scores of several epochs: the samples tell both",
}


class Reader:
    """One per log."""

    def __init__(self) -> None:
        self._run = ""
        self._spent = False  # a sample told what it took

    def events(self, record: Record) -> Sequence[Event]:
        data, at = record.data, record.at
        out: list[Event] = []
        if type(data) is list and data and all(type(one) is dict for one in data):
            known = all("epoch" in one or "scorer" in one or "reducer" in one for one in data)
            return () if known else (unreadable(record, "list", "unknown type"),)
        if type(data) is not dict:
            return (unreadable(record, type(data).__name__, "not an object"),)
        if type(data.get("eval")) is dict:
            self._log(data, at, out)
        elif "epoch" in data and type(data.get("messages")) is list:
            self._sample(data, at, out)
        else:
            out.append(unreadable(record, type_of(data), "unknown type"))
        return out

    def _log(self, data: dict[str, Any], at: At, out: list[Event]) -> None:
        told = table(data, "eval")
        created = moment(told.get("created"))
        begun = stamped(at, created)
        run = string(told, "eval_id") or string(told, "run_id") or string(told, "task_id")
        if not self._run and not at.agent:
            self._run = run or f"@{at.file}:{at.offset}"
            task, llm = string(told, "task"), string(told, "model")
            out.append(AdapterSeen(begun, "inspect", string(table(told, "packages"), "inspect_ai")))
            out.append(SessionNamed(begun, self._run))
            title = one_line(" · ".join(part for part in (task, llm) if part), 200)
            if title:
                out.append(SessionNamed(begun, title=title, rank=5))
            if llm:
                out.append(ConfigChanged(begun, None, llm))
        samples = data.get("samples")
        for sample in samples if type(samples) is list else ():
            if type(sample) is dict:
                self._sample(sample, begun, out)
        if "status" in data:
            self._result(data, begun, out)

    def _result(self, data: dict[str, Any], at: At, out: list[Event]) -> None:
        """How the run ended."""
        stats, status = table(data, "stats"), string(data, "status")
        at = stamped(at, moment(stats.get("completed_at")) or at.ts)
        if not self._spent:
            out.extend(Spent(at, f"inspect {self._run} {one.llm}", one) for one in _used(stats.get("model_usage")))
        scores = table(data, "results").get("scores")
        told = [line for one in scores if type(one) is dict and (line := _metrics(one))] if type(scores) is list else []
        error = table(data, "error")
        failed = status == "error" or bool(error)
        lines = [f"Evaluation: {status or 'ended'}", *told, string(error, "message")]
        text = one_line("; ".join(line for line in lines if line), 1000)
        row = f"{self._run}#result"
        out.append(NoticeAdded(at, row, "result", text, "error" if failed else "info", string(error, "traceback")))

    # ---- a sample

    def _sample(self, data: dict[str, Any], at: At, out: list[Event]) -> None:
        own = f"{_word(data.get('id'))}/{_word(data.get('epoch'))}"
        attached = {**table(table(data, "transcript"), "content"), **table(data, "attachments")}
        told = data.get("events")
        if type(told) is not list:
            told = table(data, "transcript").get("events")
        happened = [event for event in told if type(event) is dict] if type(told) is list else []
        stamps = [ts for event in happened if (ts := moment(event.get("timestamp"))) is not None]
        began = moment(data.get("started_at")) or (stamps[0] if stamps else at.ts)
        ended = moment(data.get("completed_at")) or (stamps[-1] if stamps else began)
        name = f"Sample {own.replace('/', ', epoch ')}"
        out.append(NoticeAdded(stamped(at, began), f"{own}#sample", "info", name))
        Talk(own, stamped(at, began), happened, attached, out).tell(data["messages"])
        at = stamped(at, ended)
        used = list(_used(data.get("model_usage"))) or list(_sums(happened))
        for one in used:
            self._spent = True
            key = string(data, "uuid") or f"{self._run} {own}"
            out.append(Spent(at, f"inspect {key} {one.llm}", one))
        scores = table(data, "scores")
        for name, score in scores.items():
            if type(score) is dict:
                text = f"Score of {clean(name)}: {_short(score.get('value'))}"
                out.append(NoticeAdded(at, f"{own}#score {clean(name)}", "info", one_line(text, 500), "info",
                                       resolved(string(score, "explanation"), attached)))  # fmt: skip
        error, limit = table(data, "error"), table(data, "limit")
        if error:
            text = one_line(string(error, "message"), 1000) or "The sample failed."
            out.append(NoticeAdded(at, f"{own}#error", "api_error", text, "error", string(error, "traceback")))
        if limit:
            out.append(NoticeAdded(at, f"{own}#limit", "limit", f"Limit reached: {string(limit, 'type')}", "warning"))
        took = micros(data.get("total_time"), 1_000_000)
        out.append(TurnEnded(at, "error" if error else "success", took))


def _used(told: Any) -> Iterator[Tokens]:
    """What each model took; its input is without what came from the cache."""
    for llm, used in told.items() if type(told) is dict else ():
        if type(used) is dict:
            given, output, read, write = (
                tokens(used.get(key))
                for key in ("input_tokens", "output_tokens", "input_tokens_cache_read", "input_tokens_cache_write")
            )
            if given or output or read or write:
                yield Tokens(clean(llm), given, output, read, write, cost_usd=number(used.get("total_cost")))


def _sums(events: list[dict[str, Any]]) -> Iterator[Tokens]:
    """The same of a sample whose models' answers tell it one by one."""
    found: dict[str, list[int]] = {}
    keys = ("input_tokens", "output_tokens", "input_tokens_cache_read", "input_tokens_cache_write")
    for event in events:
        if event.get("event") == "model":
            used = table(table(event, "output"), "usage")
            sums = found.setdefault(string(event, "model"), [0, 0, 0, 0])
            for index, key in enumerate(keys):
                sums[index] += tokens(used.get(key))
    for llm, sums in found.items():
        if any(sums):
            yield Tokens(llm, sums[0], sums[1], sums[2], sums[3])


def _metrics(score: dict[str, Any]) -> str:
    metrics = table(score, "metrics")
    told = [f"{clean(name)} {_short(one.get('value'))}" for name, one in metrics.items() if type(one) is dict]
    return f"{string(score, 'name')} {', '.join(told)}".strip()


def _short(value: Any) -> str:
    known = number(value)
    return f"{known:.4g}" if known is not None else clean(value) if type(value) is str else dump(value)[:200]


def _word(value: Any) -> str:
    return clean(value) if type(value) is str else dump(value)[:100]


def claims(head: bytes, path: Path | None) -> int:
    """How surely these are the bytes of a log, or of a file in one."""
    first = head[:4096].lstrip(b" \t\r\n\xef\xbb\xbf").replace(b'": ', b'":')
    if not first.startswith(b"{"):
        return 0
    if b'"eval":{' in first and (b'"task":' in first or b'"run_id":' in first) and b'"version":' in first:
        return 90
    return 80 if b'"epoch":' in first[:200] and b'"id":' in first[:200] and b'"input":' in first else 0


def owns(path: PurePath) -> bool:
    return path.suffix in (".eval", ".json")


def names(data: dict[str, Any]) -> str:
    if "eval" in data:
        return "header" if "status" in data or "results" in data else "start"
    return "sample" if "epoch" in data else ""


FORMAT = Format(
    agent="inspect",
    title="Inspect AI",
    reader=Reader,
    claims=claims,
    where=("$INSPECT_LOG_DIR",),
    owns=owns,
    view=view,
    kinds=KINDS,
    hidden=HIDDEN,
    names=names,
)
