"""Which test proves which row of the checklist: `page` is docs/checklist.md, `missing` the rows that no test names.

A test names a row in its name (`test_004_22_…`, `test_p09_…`), its docstring or the id of a parameter. For make_docs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROWS: Final = {
    "P-01": "Starts with an empty data folder: a window, its database, orjson on the hot path",
    "P-02": "Model and view: no object per row, every insert through the model",
    "P-03": "The store feeds the model; it is tested without a window",
    "P-04": "A 16 ms timer collects chunks into one model update; nothing pending, no timer",
    "P-05": "Sessions panel, resume: one click or key away, values survive a restart",
    "P-06": "Sessions panel, storage: what is listed is what lies there",
    "P-07": "Sessions panel: reset of a thread",
    "P-08": "Sessions panel: cleanup of stale threads",
    "P-10": "A setting changes the next run, without a restart, and is reached by key",
    "P-11": "A reset thread runs fresh next; other threads and old transcripts are as before",
    "P-09": "The newest line shows at 900 events/s; scrolling up lets go, 'jump to live' takes hold",
    "004-01": "The first event arms one single-shot timer; later ones never extend it",
    "004-02": "One store append per run of notifications",
    "004-03": "One prompt-state pass per run",
    "004-04": "Events with an id are handled alone",
    "004-05": "Transcript order is arrival order",
    "004-06": "Coalesced, one at a time and any split end the same",
    "004-07": "No empty appends",
    "004-08": "A batch of one is one append of one",
    "004-09": "A prompt shows at once as sending; its echo takes its place, matched by its text",
    "004-10": "A late answer of a cancelled turn changes nothing",
    "004-11": "Prompts queue, go one per turn end in order, and survive a failed send",
    "004-12": "The end of a turn is announced once, with its duration, unless a queued prompt follows",
    "004-13": "One function for side effects, on both paths",
    "004-14": "Config: mode and model in the header",
    "004-15": "Usage: the gauge ignores what is no number, and keeps the last size",
    "004-16": "Adapter: stored and shown",
    "004-17": "Compacting ends at its boundary, at a failure and at a cancel",
    "004-18": "Chunks of a message are one row that grows, at linear cost",
    "004-19": "Updates of a tool call merge by id; an unknown id is a visible orphan",
    "004-20": "Child calls stand below their parent while it runs",
    "004-21": "Several sessions: one update each, order kept inside each",
    "004-22": "Drained at a question, a switch and quit: nothing missing, nothing twice",
    "004-23": "Events of an unknown session are counted",
    "004-24": "Bench: coalesced and per event at 10k",
    "004-25": "No dependence on length",
    "004-26": "Bench: 60 flushes of 15, median of 7, spread, n, machine, versions",
    "004-27": "At most 63 signals of each kind per streamed second",
    "004-28": "No copy of the transcript per flush",
    "004-29": "Bench: the old path for comparison",
    "004-30": "Bench: from event to paint, not CPU alone",
    "004-31": "Bench: the spread shows the noise",
    "004-32": "Tests see values, not objects changed in place",
    "004-35": "The bench is documented and measures the real store",
    "004-36": "A text that streams does not repaint the list of sessions",
    "004-37": "A session that was never seen paints its end first; the rest comes in above without a jump",
    "004-38": "A session that nobody looks at is released after 20 s and comes back in place, also after a failed read",
    "004-39": "Sessions whose agent is at work are never released, however many there are",
    "004-40": "50,000 events in one burst: bounded ticks, order kept, backlog shown, all rows there",
    "000-01": "Turns and figures beside the transcript: one key, made in a process of their own, live at the due times",
    "000-02": "An archived session's agent set: no statement touches entries or rows",
    "000-03": "The first read keeps it, the second is one lookup and one parse",
    "000-04": "A nullable column for it; NULL in what was there",
    "000-05": "Up, down and up again on a filled database, data equal",
    "000-06": "Active and paused sessions keep none",
    "000-07": "A paused session that goes on shows its new agent at once",
    "000-08": "Archived is for ever: only fork and delete, over all states and actions",
    "000-09": "Live and paused sessions: to the byte the same whatever is kept of their agents",
    "000-10": "The repair is the writer's; a busy database delays it and never loses it",
    "000-11": "A broken set is made again and written over",
    "000-12": "The set of a short and of a long archived session: the same steps",
    "000-13": "Live: read anew; archived: kept, and a later agent is not seen",
    "000-14": "Digest and turns ask one function, counted",
    "000-15": "Agents in the order of their first entries",
    "000-16": "Counts and spans: events, turns, first and last, elapsed and active",
    "000-17": "Tokens per LLM, from ends of turns where they tell them; an open turn is a running estimate",
    "000-18": "Cost in whole micro-dollars; an unknown price is none, never 0",
    "000-19": "Errors: three classes, exact counts, bounded samples that point to the call",
    "000-20": "Tools: calls, failures, samples",
    "000-21": "Latency: twelve buckets, percentiles by hand",
    "000-22": "Issues: the 16 runs of G.2; an open turn is not judged",
    "000-23": "The outcome survives a refold",
    "000-24": "Incremental = full at every prefix, through real storage",
    "000-25": "Folding is due on a closed turn, 32 events or 750 ms; limits can be set",
    "000-26": "A fresh digest is not folded again: 0 entries read",
    "000-27": "Turns: one row each, open ones marked, pages by ordinal",
    "000-28": "What opens, adopts and closes a turn",
    "000-29": "An agent of two sessions counts in each for what it did there",
    "000-40": "Asked again: no fold, no scan",
    "000-41": "Archiving seals: the first look folds nothing",
    "000-42": "Texts are none of it: bodies of 50 KB, the same digest and not a byte more",
    "000-43": "CI runs lint, types and every suite",
    "001-01": "A row only with the first content, in the same transaction; nothing else makes one",
    "001-02": "The original's share of empty starts (3,564 of 10,985) leaves exactly the others",
    "001-03": "The rows avoided are counted by the same replay",
    "001-04": "A platform's ping is a row in the log, and no session",
    "001-05": "Saved is what the database says; a draft is one after a restart, too",
    "001-06": "50 first messages at once, from threads and processes: one row; nothing to do without a database",
    "001-07": "Row, then session:start, then dispatch",
    "001-08": "A reset makes no session before the next event",
    "001-09": "A locked database: said once, nothing lost, the row comes with the next attempt",
    "001-10": "Origin and user for every kind of start; none is 'unknown'",
    "001-11": "session:start once per new session, never for a restored one",
    "001-12": "A silent start is listed as 'not saved yet' and gone on quit",
    "002-01": "A thousand drafts: no statement",
    "002-02": "Failed starts: no row, and the failure shown",
    "002-03": "The share of empty sessions by model",
    "002-04": "Session and first events in one transaction; a retry doubles nothing",
    "002-05": "A continuation has its row and its parent",
    "002-06": "Used sessions equal eager ones, column by column",
    "002-07": "Existing empties: counted, removed with a preview, brought back",
    "002-08": "A title before the first message is applied once; one that cannot be is dropped with a message",
    "S-01": "Resume by default, for new triggers only",
    "S-02": "Days of the cleanup: 1 to 365, in the field and in the store",
    "S-03": "Turns before compaction: 1 to 500",
    "S-04": "Hour of the cleanup: 0 to 23, and 0 is one",
    "S-05": "Apply and Revert: typing writes nothing, what is wrong is never saved",
    "S-06": "Unknown keys of the settings file stay in it",
    "S-07": "Two windows, the command line and an editor: the last write wins, and is shown",
    "003-40": "Settings, storage and threads are asked off the GUI thread",
    "003-41": "A wrong value names its field and leaves the others; a change is logged and in force at once",
    "003-42": "Threads newest first, with trigger, key, age and what is stale, in two statements",
    "003-50": "The panel has its own entry, loads beside the window, and an error can be tried again",
    "003-51": "Readable English everywhere",
    "003-52": "The default for new triggers, with what it means",
    "003-53": "The cleanup: days, hour, when it comes next and what the last one did",
    "003-54": "Compaction, with what really happens",
    "003-55": "The table of threads: sorted, filtered, ids short, the whole in the tip, stale by word, sign and shade",
    "003-56": "Refresh keeps order and selection",
    "003-57": "An empty table says how to get a first thread",
    "003-58": "Each action says what came of it, and takes no focus",
    "003-59": "Durations, ages and sizes at their boundaries",
    "003-60": "Transcript files and bytes equal an independent walk",
    "003-61": "A missing folder is no files",
    "003-62": "Storage is looked at by a worker, with progress, and can be cancelled",
    "003-63": "Our own database, log, streams, sessions by state, only copies, empty ones",
    "003-64": "The number of threads, in the panel and in the status line",
    "003-65": "Resume in the trigger's form, with what it costs; disabled with the reason",
    "003-70": "A reset is asked, names the thread, and Cancel is the default",
    "003-74": "A reset is taken back in one step",
    "003-80": "A cleanup says number and cutoff beforehand",
    "003-82": "And afterwards, in the log as well",
    "003-83": "Nothing stale is said without a dialog",
    "003-85": "Old transcripts go to the trash when asked: previewed with bytes, whole copies only by default",
    "003-86": "A thread in use is skipped and counted",
    "003-87": "The audit log: time, who, action, detail",
    "003-95": "Fresh and resumed runs of a thread beside each other, with n",
    "003-98": "Storage figures are right",
    "003-99": "−60, −53, −66 % from the original's figures",
    "003-01": "Resume is off for every trigger until it is switched on, and stays as it was set",
    "003-02": "The second event of a thread is run with --resume",
    "003-03": "The second run knows what the first one was told",
    "003-04": "ClickUp: the task is the thread",
    "003-05": "GitHub: the pull request or issue is the thread, per repository",
    "003-06": "Linear: the issue is the thread, also for comments",
    "003-07": "A path of the user's own gives the key; a preview says which",
    "003-08": "No key: a fresh run that says so, and nothing is kept",
    "003-09": "The table of threads, as the original has it and more",
    "003-10": "Its migration goes down and up, on SQLite and on PostgreSQL",
    "003-11": "A thread is found with one query, by trigger and key",
    "003-12": "The id goes to the runner; without one nothing is different",
    "003-13": "The id that came back, from the output; absent, null or malformed is none",
    "003-14": "Many at once: one row, one holder, nothing rolled back",
    "003-15": "A stale session is retried once, and both attempts are there",
    "003-16": "A transcript that was deleted: a fresh run, and the thread was stale",
    "003-17": "Errors that only speak of a session are not retried",
    "003-18": "A runner that cannot resume is refused with the reason",
    "003-19": "Skills resume as prompts do, scripts never",
    "003-20": "Runs and log say fresh, resumed or retried",
    "003-21": "Errors and timeouts leave the mapping",
    "003-22": "A run that hangs is ended at its time",
    "003-23": "Without resume the command line is what it was",
    "003-24": "No settings file: defaults. A damaged one: defaults, a warning, and the file set aside",
    "003-25": "Flags are true, false, 1, 0, on or off; anything else is a field's error",
    "003-26": "Own events and repeats are skipped before anything is paid for",
    "003-27": "Signatures of every sender, over the raw body, within their time; the same answer for all",
    "003-28": "One run per thread, others beside it",
    "003-29": "Payloads are shortened by whole fields; JSON is never cut",
    "003-30": "Filters work by event and by path, and say why",
    "003-43": "A thread that is not there is said in a sentence",
    "003-44": "Cleanup is one DELETE and tells its number",
    "003-71": "After a reset the next event begins a new session",
    "003-72": "A reset leaves the transcript as it is",
    "003-73": "A reset while a run goes on is not undone by it",
    "003-81": "Cleanup is strictly older than the limit",
    "003-84": "The scheduled cleanup is that of the button",
    "003-90": "A new database has the tables of threads",
    "003-91": "The same on PostgreSQL",
    "003-92": "The switch of a trigger stays as it was set",
    "003-93": "The first webhook makes the thread",
    "003-94": "The second one resumes it",
    "003-96": "A stale id is retried",
    "003-97": "Cleanup only beyond the limit",
    "003-101": "A new session of a thread has the old one as its parent",
    "003-102": "What the first run was told needs no words in the second",
    "003-103": "A failed run that has a session is gone on with",
    "003-104": "What a run read from the cache and wrote to it can be looked up",
    "X-01": "One tick: one commit, one model change, one mark of the digest; a failed commit is said and made up for",
    "X-02": "The first content brings what the draft had before it, in order",
    "X-03": "Archive: drain, seal, agent set, state; what comes late is refused and counted",
    "X-04": "A reset while a run goes on: its session is its own, the next one comes after it",
    "X-05": "Resume: the same session, turns numbered on, rows dense, the set grows",
    "X-06": "Killed, choked, locked out, corrupted or set back: nothing is half, twice, empty or lost",
    "X-07": "Rows on the screen, file and database have the same figures",
    "X-08": "The agents' files stay as they are; what is not understood is shown raw, and counted",
    "X-09": "Everything by keyboard, and with a name for who does not see it",
    "X-10": "Works without a network or an agent; a command that is missing is said in a sentence",
}
# Named by the issue as a range, and no behaviour of the program: how they are met.
NOTED: Final = {
    "002-09": "Every push runs `.ci/run`; 000-43 says what is in it.",
    "004-33": "The table of events and appends is `G1` in tests/store/test_flush.py.",
    "004-34": "English only: seen in review.",
    "003-100": "A projection of the original's, not measured: quoted nowhere.",
    "003-105": "No test is known to be red, and none is marked to be: every push runs all of them.",
    "003-106": "CHANGELOG.md has it.",
    "003-45": "No command comes over a socket: the panel and the command line open the database themselves.",
}
_ROW: Final = re.compile(r"\b(?:(00[0-4])[-_]|([PpX])-?|(S)-)(\d\d\d?)((?:(?:…|, )\d\d\b)*)")
_MORE: Final = re.compile(r"(…|, )(\d\d)")


def ids(text: str) -> Iterator[str]:
    """The rows that a text names, also as '004-02…05, 07'."""
    for found in _ROW.finditer(text.replace("test_", " ")):
        head = found[1] or (found[2] or found[3]).upper()
        last = int(found[4])
        yield f"{head}-{last:02}"
        for sign, number in _MORE.findall(found[5]):
            first = last + 1 if sign == "…" else int(number)
            last = int(number)
            for row in range(first, last + 1):
                yield f"{head}-{row:02}"


def proofs(tests: Path) -> dict[str, list[str]]:
    """Row → the tests that name it, as 'file::test'."""
    found: dict[str, list[str]] = {row: [] for row in ROWS}
    for path in sorted(tests.rglob("test_*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        tables = {
            target.id: ast.unparse(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                continue
            marks = " ".join(map(ast.unparse, node.decorator_list))
            used = [table for name, table in tables.items() if re.search(rf"\b{name}\b", marks)]
            text = " ".join([node.name, ast.get_docstring(node) or "", marks, *used])
            for row in dict.fromkeys(ids(text)):
                if row in found:
                    found[row].append(f"{path.relative_to(tests.parent).as_posix()}::{node.name}")
    return found


def missing(tests: Path) -> list[str]:
    return [row for row, names in proofs(tests).items() if not names]


def page(tests: Path) -> str:
    lines = ["| row | works when | proved by |", "|---|---|---|"]
    for row, names in proofs(tests).items():
        shown = "<br>".join(f"`{name.removeprefix('tests/')}`" for name in names) or "**nothing**"
        lines.append(f"| {row} | {ROWS[row]} | {shown} |")
    lines += [f"| {row} | – | {text} |" for row, text in NOTED.items()]
    return "\n".join(lines) + "\n"
