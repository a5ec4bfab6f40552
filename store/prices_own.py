"""The user's own prices: `prices.toml` in the configuration folder, which goes before the table. For `store.prices`."""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from store.errors import StoreError, sentence
from store.paths import config_dir

log = logging.getLogger(__name__)

FILE: Final = "prices.toml"
MOST: Final = 1_000_000  # dollars per million tokens that are believed
_PICO: Final = 1_000_000  # pico-dollars per token, of a dollar per million tokens
_NEEDED: Final = ("input", "output")
_KEYS: Final = (*_NEEDED, "cache_read", "cache_write", "cache_write_1h", "search")


class Own(Struct, frozen=True):
    """What the file says."""

    edition: int = 0  # another one for other words in it; 0: there is none, or it cannot be used
    rates: Mapping[str, Mapping[str, int]] = {}  # by model: pico-dollars per token, and per search
    date: str = ""
    error: str = ""  # a sentence for the user


_NONE: Final = Own()
_own: Own | None = None
_stamp: tuple[int, int, int] | None = None


def path() -> Path:
    """Where the file lies, or would."""
    return config_dir() / FILE


def own() -> Own:
    """What the file said when it was looked at last: asked for every request."""
    return _own if _own is not None else look()


def look() -> Own:
    """What the file says now. A file that cannot be used is as good as none, and says why."""
    global _own, _stamp
    file = path()
    try:
        stat = file.stat()
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except OSError:
        stamp = None
    if _own is None or stamp != _stamp:
        try:
            _own = _NONE if stamp is None else parse(file)
        except StoreError as error:
            log.info("%s", error)  # it is said by `check`, and by the window
            _own = Own(error=str(error))
        _stamp = stamp
    return _own


def check() -> None:
    """Raises StoreError when there is a file and it cannot be used: nobody is to be told other costs than their own."""
    error = look().error
    if error:
        raise StoreError(error)


def parse(file: Path) -> Own:
    """Raises StoreError with what is wrong, and where."""
    import tomllib

    try:
        written = file.read_bytes()
        data = tomllib.loads(written.decode())
    except OSError as error:
        raise StoreError(sentence(error, file)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{file} is not TOML: {error}. Mend it, or take it away.") from error
    told = data.pop("date", None)
    if told is not None and not isinstance(told, date):
        raise StoreError(f"{file}: date is no day, write it like 2026-11-01.")
    rates = {llm: _rates(file, llm, table) for llm, table in data.items()}
    return Own(zlib.crc32(written) % 0x7FFFFF + 1, rates, "" if told is None else told.isoformat()[:10])


def _rates(file: Path, llm: str, table: Any) -> dict[str, int]:
    if not isinstance(table, dict):
        raise StoreError(f'{file}: {llm} is no table of prices, write ["{llm}"] and the prices below it.')
    for key in table:
        if key not in _KEYS:
            raise StoreError(f'{file}: ["{llm}"] has {key}; there are {", ".join(_KEYS)}.')
    for key in _NEEDED:
        if key not in table:
            raise StoreError(f'{file}: ["{llm}"] has no {key}: dollars per million tokens.')
    return {key: _pico(file, llm, key, value) for key, value in table.items()}


def _pico(file: Path, llm: str, key: str, value: Any) -> int:
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value <= MOST:
        raise StoreError(f'{file}: ["{llm}"] {key} is {value!r}; a number of dollars from 0 to {MOST:,} is needed.')
    return int(value * (_PICO * 1_000_000 if key == "search" else _PICO) + 0.5)
