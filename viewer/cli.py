"""The command line: what needs no window is done here without importing Qt, the rest is handed to viewer.app.

The command `playhead` and `python -m viewer` call `main`. Trouble of the world is one line on stderr and exit code 2.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NoReturn

from typing_extensions import override

from store.errors import StoreError
from store.paths import there
from viewer import output
from viewer.options import SIZE, Options

TROUBLE: Final = 2
_USAGE: Final = """\
playhead [PATH ...]                       open a window, with these sessions or folders
       playhead -                                show what comes in on standard input
       playhead run -- COMMAND ...               start a program and show its stream
       playhead acp -- COMMAND ...               start an agent that talks ACP, and work with it
       playhead continue PATH|ID PROMPT [--fork] go on with a session, without a window
       playhead runs [--json]                    what was started here, and how it ended
       playhead show PATH --json                 print the rows of a session
       playhead digest PATH|ID ... [--json]      the figures of sessions: turns, tokens, cost, tools, errors
       playhead turns PATH|ID [--json]           the same for each turn of one
       playhead requests PATH|ID [--json]        each request of one, with how full its context was
       playhead usage [PATH|ID ...] [--by day]   tokens and cost of every session; --help says what else
       playhead coverage PATH ... [--json]       account for every byte of some files
       playhead sessions [--json] [--root DIR]   list sessions
       playhead sessions empties [--remove]      sessions that were saved with nothing in them
       playhead search QUERY ... [--json]        find words in every session; --help says how
       playhead import [--root DIR] [--json]     keep a copy of every session in the database
       playhead archive [PATH|ID ...] [--json]   close sessions for ever; --help says what else
       playhead serve [--port N]                 receive webhooks and run triggers, without a window
       playhead triggers list|add|… [--json]     what starts runs; --help says what else
       playhead threads list|reset ID|cleanup    which sessions their events go on with
       playhead settings get|set [NAME=VALUE]    what the settings say
       playhead doctor [--rebuild] [--json]      look the database over; make anew what can be
       playhead bench NAME ... [--json]          measure"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    @override
    def error(self, message: str) -> NoReturn:
        raise StoreError(f"{message}. See playhead --help.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        command = arguments[0] if arguments else ""
        if command in COMMANDS:
            return COMMANDS[command](arguments[1:])
        return _window(arguments)
    except StoreError as error:
        output.say(str(error))
        return TROUBLE
    except BrokenPipeError:
        output.hush()  # whoever read our output has enough
        return 0
    except KeyboardInterrupt:
        return 130


class _Version(argparse.Action):
    """Looks the version up when it is asked for: that is slow, and every start of the window comes by here."""

    @override
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        output.print_([f"playhead {_version()}"])
        parser.exit()


# ---- commands with a window


def _window(arguments: list[str]) -> int:
    return _open(window_options(arguments))


def window_options(arguments: list[str]) -> Options:
    """What the command line wants to see. Raises StoreError."""
    parser = _Parser("playhead", usage=_USAGE, add_help=True, allow_abbrev=False)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="session files or folders; - is standard input")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version, and end")
    parser.add_argument("--demo", action="store_true", help="play the built-in recording")
    parser.add_argument("--screenshot", metavar="FILE", default="", help="write a picture of the window, and end")
    _look(parser)
    options = parser.parse_intermixed_args(arguments)
    stdin = "-" in options.paths
    paths = tuple(path for path in options.paths if path != "-")
    if options.screenshot and not Path(options.screenshot).absolute().parent.is_dir():
        raise StoreError(f"{Path(options.screenshot).parent} is no folder to write a picture into.")
    for path in paths:
        if not there(path) and not _was_kept(path):
            raise StoreError(f"{path} does not exist.")
    return _asked(options, paths=paths, stdin=stdin, demo=options.demo, screenshot=options.screenshot)


def _was_kept(path: str) -> bool:
    """Whether there are rows of a session whose file its agent has deleted, or which is another host's."""
    from store.about import Reader  # a start that finds its files needs no database for that
    from store.paths import data_dir

    with closing(Reader(data_dir() / "playhead.db")) as reader:
        return reader.about(Path(path).absolute()) is not None


def _run(arguments: list[str]) -> int:
    own, command = _split(arguments)
    usage = "playhead run [--title TEXT] [--theme light|dark] -- COMMAND ..."
    parser = _Parser("playhead run", usage=usage, allow_abbrev=False)
    parser.add_argument("--title", default="", metavar="TEXT", help="what to call the session")
    _look(parser)
    options = parser.parse_args(own)
    if not command:
        raise StoreError("There is no command to run. Write it behind --: playhead run -- COMMAND …")
    return _open(_asked(options, command=tuple(command), title=options.title))


def _acp(arguments: list[str]) -> int:
    own, command = _split(arguments)
    usage = "playhead acp [--cwd DIR] [--load ID] [--no-files] [--theme light|dark] -- COMMAND ..."
    parser = _Parser("playhead acp", usage=usage, allow_abbrev=False)
    parser.add_argument("--cwd", default="", metavar="DIR", help="the folder that the agent works in; this one")
    parser.add_argument("--load", default="", metavar="ID", help="go on with this session of the agent")
    parser.add_argument("--no-files", action="store_true", help="let the agent read and write files itself, unasked")
    _look(parser)
    options = parser.parse_args(own)
    if not command:
        raise StoreError("There is no command to run. Write it behind --: playhead acp -- COMMAND …")
    cwd = Path(options.cwd).expanduser().absolute() if options.cwd else Path.cwd()
    if not cwd.is_dir():
        raise StoreError(f"{cwd} is no folder.")
    files = not options.no_files
    return _open(_asked(options, acp=tuple(command), cwd=str(cwd), load=options.load, files=files))


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our own arguments, and the command: behind --, or from the first word that is not an option of ours."""
    if "--" in arguments:
        at = arguments.index("--")
        return arguments[:at], arguments[at + 1 :]
    at = 0
    while at < len(arguments) and arguments[at].startswith("-"):
        at += 2 if arguments[at] in ("--size", "--theme", "--title", "--cwd", "--load") else 1
    return arguments[:at], arguments[at:]


def _look(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", type=_size, default=SIZE, metavar="WxH", help="size of the window")
    parser.add_argument("--theme", choices=("light", "dark"), default="")
    parser.add_argument("--follow", action="store_true", help="stay at the end of what is opened")
    parser.add_argument("--safe-mode", action="store_true", help="default settings, nothing remembered")


def _asked(options: argparse.Namespace, **more: Any) -> Options:
    """What `_look` has asked for, and more."""
    return Options(size=options.size, theme=options.theme, follow=options.follow, safe=options.safe_mode, **more)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,5})[xX×](\d{2,5})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text} is no size, write it like 1280x800")
    return int(match[1]), int(match[2])


def _open(options: Options) -> int:
    load()
    app = importlib.import_module("viewer.app")
    code: int = app.run(options)
    return code


def load() -> None:
    """Everything that a window needs. Qt comes in here, and only here."""
    from viewer import garbage, imports

    garbage.hold()
    imports.plain()
    importlib.import_module("viewer.app")


# ---- commands without a window


def _show(arguments: list[str]) -> int:
    from store import report

    parser = _Parser("playhead show", allow_abbrev=False)
    parser.add_argument("path", metavar="PATH")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    options = parser.parse_args(arguments)
    rows = report.show(Path(options.path))
    if options.json:
        output.lines(rows)
    else:
        output.print_(_row_line(row) for row in rows)
    return 0


def _row_line(row: dict[str, Any]) -> str:
    head = " ".join(row["text"][:400].split())[:120]
    status = f" [{row['tool']['status']}]" if row["tool"] else ""
    indent = "" if row["agent"] == "main" else "  "
    return f"{row['row']:>6}  {indent}{row['kind']}{status}  {head}"


def _figures(name: str) -> Callable[[list[str]], int]:
    """A command that tells figures of some sessions."""

    def command(arguments: list[str]) -> int:
        from viewer import figures

        parser = _Parser(f"playhead {name}", allow_abbrev=False)
        options, run = figures.COMMANDS[name]
        options(parser)
        return run(parser.parse_args(arguments), output.lines, output.print_)

    return command


def _plain(module: str, name: str) -> Callable[[list[str]], int]:
    """A command that is all in a module of its own: its options, and what it does with them."""

    def command(arguments: list[str]) -> int:
        found = importlib.import_module(f"viewer.{module}")
        parser = _Parser(f"playhead {name}", allow_abbrev=False)
        found.options(parser)
        code: int = found.run(parser.parse_args(arguments), output.lines, output.print_, output.say)
        return code

    return command


def _sessions(arguments: list[str]) -> int:
    if arguments[:1] == ["empties"]:
        return _empties(arguments[1:])
    from store import report

    parser = _Parser("playhead sessions", allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="one JSON object per session")
    parser.add_argument("--root", action="append", metavar="DIR", help="look here, not in the agents' own folders")
    options = parser.parse_args(arguments)
    roots = [Path(root) for root in options.root] if options.root else None
    refused: list[str] = []
    found = sorted(report.sessions(roots, refused.append), key=lambda entry: entry["updated"] or "", reverse=True)
    if options.json:
        output.lines(found)
    else:
        output.print_(
            f"{entry['updated'] or '':<24}  {entry['state']:<5}  {entry['title'] or entry['id']}  {entry['cwd']}"
            for entry in found
        )
    if refused:
        output.say(refused[0] if len(refused) == 1 else f"{refused[0]} {len(refused) - 1:,} more cannot be read.")
    return TROUBLE if refused else 0


def _empties(arguments: list[str]) -> int:
    from viewer import empties

    parser = _Parser("playhead sessions empties", allow_abbrev=False)
    empties.options(parser)
    return empties.run(parser.parse_args(arguments), output.lines, output.print_)


def _search(arguments: list[str]) -> int:
    """0: found. 1: nothing there. 2: that is no query, or it cannot be said."""
    from viewer import finding

    parser = _Parser("playhead search", allow_abbrev=False)
    finding.options(parser)
    words = [f" {word}" if _taken_away(word) else word for word in arguments]
    return finding.run(parser.parse_args(words), output.lines, output.print_, output.say)


def _taken_away(word: str) -> bool:
    """-word means without it; options of ours have two dashes."""
    return word.startswith("-") and not word.startswith("--") and word not in ("-", "-h")


def _doctor(arguments: list[str]) -> int:
    """0: all is well. 1: trouble, or something is not what it was. 2: it cannot be said."""
    from store import doctor

    parser = _Parser("playhead doctor", allow_abbrev=False)
    parser.add_argument("--rebuild", action="store_true", help="make anew what has a file, and say what differs")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    answer = doctor.answer(
        rebuild=options.rebuild, tell=output.say if sys.stderr is not None and sys.stderr.isatty() else None
    )
    if options.json:
        output.lines([answer.told])
    else:
        output.print_(answer.lines)
    return 0 if answer.well else 1


def _threads(arguments: list[str]) -> int:
    from viewer import threads_cli

    parser = _Parser("playhead threads", allow_abbrev=False)
    threads_cli.options(parser)
    return threads_cli.run(parser.parse_args(arguments), output.lines, output.print_)


def _bench(arguments: list[str]) -> int:
    try:
        bench = importlib.import_module("viewer.bench")
    except ModuleNotFoundError as error:
        raise StoreError(f"The benches need a package that is not here: {error.name}.") from error
    code: int = bench.main(arguments)
    return code


COMMANDS: Final[dict[str, Callable[[list[str]], int]]] = {
    "run": _run,
    "continue": _plain("continuing", "continue"),
    "runs": _plain("running", "runs"),
    "acp": _acp,
    "show": _show,
    "digest": _figures("digest"),
    "turns": _figures("turns"),
    "requests": _figures("requests"),
    "usage": _plain("usage", "usage"),
    "coverage": _plain("coverage", "coverage"),
    "sessions": _sessions,
    "search": _search,
    "import": _plain("importing", "import"),
    "archive": _plain("archiving", "archive"),
    "serve": _plain("serving", "serve"),
    "triggers": _plain("triggers_cli", "triggers"),
    "threads": _threads,
    "settings": _plain("settings_cli", "settings"),
    "doctor": _doctor,
    "bench": _bench,
}


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("playhead")
    except metadata.PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
