"""Every setting, declared once: default, check, file, dialog field and docs table come from here. Read by anyone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from store.paths import put

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """One setting. The type of `default` is the type of the value; a tuple is a list of texts."""

    name: str  # group.key, as in the file
    default: T
    title: str
    help: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def check(self, value: object) -> T:
        """The value as this setting's type; ValueError with a sentence for the user."""
        return cast(T, _check(self, value))


AnySetting: TypeAlias = Setting[Any]
_KINDS: Final[Mapping[type, str]] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _check(setting: AnySetting, value: object) -> object:
    kind, title = type(setting.default), setting.title
    if kind is tuple:
        if not isinstance(value, (list, tuple)) or not all(isinstance(part, str) for part in value):
            raise ValueError(f"{title}: a list of texts is needed.")
        return tuple(str(part) for part in value)
    if kind is float and type(value) is int:
        value = float(value)
    # The exact type: bool is an int to Python, but "true lines" is a mistake to the user.
    if type(value) is not kind:
        raise ValueError(f"{title}: {_KINDS[kind]} is needed.")
    if setting.choices and value not in setting.choices:
        raise ValueError(f"{title}: one of {', '.join(setting.choices)} is needed.")
    if isinstance(value, (int, float)) and kind is not bool:
        if setting.low is not None and not value >= setting.low:  # 'not >=' refuses NaN as well
            raise ValueError(f"{title}: at least {setting.low:g}.")
        if setting.high is not None and not value <= setting.high:
            raise ValueError(f"{title}: at most {setting.high:g}.")
    return value


FOLLOW: Final = Setting("timeline.follow", True, "Follow new rows", "A session opens at its end and stays there.")
ROW_LINES: Final = Setting(
    "timeline.row_lines", 40, "Lines before a row folds", "The rest waits behind 'more'.", low=5, high=400
)
THEME: Final = Setting("look.theme", "system", "Theme", "", choices=("system", "light", "dark"))
ZOOM: Final = Setting("look.zoom", 1.0, "Zoom", "One factor for all text and measures.", 0.6, 2.5)
ROOTS: Final[Setting[tuple[str, ...]]] = Setting(
    "sessions.roots", (), "More session folders", "Looked through besides the agents' own folders, one per line."
)
GROUP: Final = Setting("sessions.group", True, "Group sessions by project", "Off: one list, newest first.")
KEEP: Final = Setting(
    "sessions.keep", True, "Keep a copy of every session", "What an agent later deletes is still here, and is found."
)
RESTORE: Final = Setting("window.restore", True, "Restore the window", "Place, panels and the last session.")
NOTIFY: Final = Setting(
    "window.notify", True, "Desktop notifications",
    "When an agent is done, has failed or needs an answer, and another window is in front.",
)  # fmt: skip
ABSOLUTE: Final = Setting("time.absolute", False, "Absolute times", "Clock times in place of '3 min ago'.")
# Those of the sessions panel (viewer/panel/), which `playhead serve` reads as well.
RESUME_NEW: Final = Setting(
    "threads.default_resume", False, "New triggers resume their thread",
    "Off: each event starts a fresh session. Triggers that are there keep what they have.",
)  # fmt: skip
CLEANUP_DAYS: Final = Setting(
    "threads.cleanup_days", 7, "Forget threads not used for (days)",
    "Also when a thread counts as stale. Only the thread is forgotten: its transcript stays.", 1, 365,
)  # fmt: skip
CLEANUP_HOUR: Final = Setting(
    "threads.cleanup_hour", 3, "Hour of the daily cleanup",
    "Local time, 0 to 23; 0 is midnight. A cleanup that was slept through is made up for.", 0, 23,
)  # fmt: skip
COMPACT_TURNS: Final = Setting(
    "threads.compact_turns", 50, "Compact a thread after (turns)",
    "The next run then compacts, where the runner can, or starts fresh with a summary; either is shown.", 1, 500,
)  # fmt: skip
RECEIVER: Final = Setting("receiver.on", False, "Receive webhooks", "Off: nothing listens.")
RECEIVER_HOST: Final = Setting(
    "receiver.host", "127.0.0.1", "Address to listen on", "127.0.0.1 is this machine only; others can reach any other."
)
RECEIVER_PORT: Final = Setting("receiver.port", 8787, "Port to listen on", "", 1, 65535)
PARALLEL: Final = Setting(
    "runs.parallel", 2, "Runs at the same time", "Of different threads; one thread has one run at a time.", 1, 32
)

DECLARED: Final[tuple[AnySetting, ...]] = (
    FOLLOW, ROW_LINES, THEME, ZOOM, ABSOLUTE, ROOTS, GROUP, KEEP, RESTORE, NOTIFY, RESUME_NEW, CLEANUP_DAYS,
    CLEANUP_HOUR, COMPACT_TURNS, RECEIVER, RECEIVER_HOST, RECEIVER_PORT, PARALLEL,
)  # fmt: skip


class Settings:
    """The values of one settings file. Owned by one thread; `watch` tells who wants to know what changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []  # sentences for the user: what was wrong with the file
        self.writes = 0  # by us, since the start
        self._taken = -1  # so many of them were in the file when it was last read anew
        self._values: dict[str, Any] = {}
        self._watchers: list[Callable[[AnySetting], None]] = []
        self._load()

    def __getitem__(self, setting: Setting[T]) -> T:
        return cast(T, self._values.get(setting.name, setting.default))

    def __setitem__(self, setting: Setting[T], value: T) -> None:
        self.put({setting.name: value})

    def watch(self, told: Callable[[AnySetting], None]) -> Callable[[], None]:
        """Call `told` with each setting whose value changed, until what this returns is called."""
        self._watchers.append(told)

        def off() -> None:
            with suppress(ValueError):  # it is off already
                self._watchers.remove(told)

        return off

    def put(self, values: Mapping[str, object]) -> None:
        """Check all, write once, then tell. Nothing changes on ValueError (a wrong value) and OSError (the disk)."""
        changed = self.changed(values)
        if changed:
            self.write(changed)
            self.adopt(changed)

    # The three steps of `put`, for who may not wait for a disk: the second on any thread, the others on the owner's.

    def changed(self, values: Mapping[str, object]) -> dict[str, Any]:
        """Those that differ from what is in force, checked; ValueError with a sentence."""
        fresh = {name: declared(name).check(value) for name, value in values.items()}
        return {name: value for name, value in fresh.items() if self[declared(name)] != value}

    def write(self, changed: Mapping[str, Any]) -> None:
        """Into the file, whole or not at all; OSError."""
        self._write(changed)
        self.writes += 1

    def adopt(self, changed: Mapping[str, Any]) -> None:
        """These are written, and in force from now on: unless the file was read since, which has them or newer ones."""
        if self._taken == self.writes:
            return
        told_of = [name for name, value in changed.items() if self[declared(name)] != value]
        self._values.update(changed)
        for name in told_of:
            for told in list(self._watchers):
                told(declared(name))

    def take(self, values: Mapping[str, Any], writes: int) -> None:
        """Somebody wrote the file: these are its values now (of `read`), and the rest is as by default.

        `writes`: how many there were of ours before it was read.
        """
        self._taken = writes
        changed = [one for one in DECLARED if self[one] != values.get(one.name, one.default)]
        self._values = dict(values)
        for setting in changed:
            for told in list(self._watchers):
                told(setting)

    def _load(self) -> None:
        try:
            self._values, refused = read(self.path)
        except OSError as error:
            self.warnings.append(f"Settings are the defaults: {self.path} cannot be read ({error.strerror}).")
        except ValueError as error:
            self._set_aside(str(error))
        else:
            self.warnings += refused

    def _set_aside(self, reason: str) -> None:
        aside = self.path.with_name(self.path.name + ".damaged")
        count = 1
        while aside.exists():  # an earlier one may hold what the user still wants
            count += 1
            aside = self.path.with_name(f"{self.path.name}.damaged-{count}")
        self.path.replace(aside)
        self.warnings.append(f"Settings are the defaults: the file was damaged ({reason}) and is now {aside}.")

    def _write(self, values: Mapping[str, object]) -> None:
        # Imported late: only who changes a setting pays for it.
        import tomlkit
        from tomlkit.exceptions import TOMLKitError
        from tomlkit.items import Table

        try:
            document = tomlkit.parse(self.path.read_text("utf-8"))
        except FileNotFoundError:
            document = tomlkit.document()
        except (TOMLKitError, UnicodeDecodeError) as error:  # edited by hand while we ran
            self._set_aside(str(error))
            document = tomlkit.document()
        for name, value in values.items():
            group, _, key = name.partition(".")
            table = document.get(group)
            if not isinstance(table, Table):
                table = tomlkit.table()
                document[group] = table
            table[key] = list(value) if isinstance(value, tuple) else value
        # A link stays a link: people keep this file in a dotfiles repository.
        put(self.path.resolve(), tomlkit.dumps(document).encode(), safe=True)


def read(path: Path) -> tuple[dict[str, Any], list[str]]:
    """The values of a settings file, by name, and a sentence for each that is ignored. No file has none; any thread.

    Raises OSError when it cannot be read, ValueError when it is damaged.
    """
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        return {}, []
    import tomllib  # for those who changed something

    data = tomllib.loads(written.decode())
    values: dict[str, Any] = {}
    refused = []
    for setting in DECLARED:
        value = _dig(data, setting.name)
        if value is None:
            continue
        try:
            values[setting.name] = setting.check(value)
        except ValueError as error:
            refused.append(f"{error} {setting.name} in {path} is ignored.")
    return values, refused


def declared(name: str) -> AnySetting:
    """The setting with that name; KeyError for a typing error."""
    for setting in DECLARED:
        if setting.name == name:
            return setting
    raise KeyError(name)


def _dig(data: Mapping[str, Any], name: str) -> object:
    group, _, key = name.partition(".")
    table = data.get(group)
    return table.get(key) if isinstance(table, dict) else None


def _rows() -> Iterator[tuple[str, str, str, str]]:
    for setting in DECLARED:
        default = setting.default
        shown = "[]" if default == () else str(default).lower() if isinstance(default, bool) else str(default)
        limits = " | ".join(setting.choices)
        if setting.low is not None or setting.high is not None:
            low = "" if setting.low is None else f"{setting.low:g}"
            high = "" if setting.high is None else f"{setting.high:g}"
            limits = f"{low} to {high}" if high else f"at least {low}"
        about = f"{setting.title}. {setting.help}".strip()
        yield f"`{setting.name}`", f"`{shown}`", limits, about


def table() -> str:
    """The reference table for the docs, in Markdown."""
    lines = ["| setting | default | values | what it does |", "|---|---|---|---|"]
    lines += [f"| {name} | {default} | {limits.replace('|', chr(92) + '|')} | {about} |"
              for name, default, limits, about in _rows()]  # fmt: skip
    return "\n".join(lines) + "\n"
