"""What a reader remembers, as bytes: whoever goes on with a session need not read it again. For `pipe` and `resume`.

The bytes are Python's own (pickle), and only classes of the formats are made of them. They belong to exactly these
formats: of others, and where there are too many, nothing is kept, and the session's file is read again instead.
"""

from __future__ import annotations

import io
import logging
import pickle
import zlib
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from store.events import At
from store.formats.base import Format, Reader, Record

log = logging.getLogger(__name__)

MOST: Final = 4 << 20  # bytes of one reader that are kept, packed
_MARK: Final = 8  # bytes that say which formats they are of
_PLAIN: Final = frozenset({
    ("collections", "OrderedDict"), ("collections", "deque"), ("builtins", "set"), ("builtins", "frozenset"),
})  # fmt: skip


class _Pickler(pickle.Pickler):
    @override
    def persistent_id(self, obj: Any) -> str | None:
        return "record" if type(obj) is Record else None  # the one that was read last: nothing of it is needed


class _Only(pickle.Unpickler):
    """Makes what readers are made of, and nothing else."""

    @override
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if module_name.startswith("store.formats.") or module_name == "store.events":
            found = super().find_class(module_name, global_name)
            if isinstance(found, type):
                return found
        elif (module_name, global_name) in _PLAIN:
            return super().find_class(module_name, global_name)
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is no part of a reader")

    @override
    def persistent_load(self, pid: Any) -> Record:
        return Record(None, At())


def dump(reader: Reader) -> bytes:
    """The reader as bytes; b"" where it is not worth them."""
    out = io.BytesIO()
    try:
        _Pickler(out, pickle.HIGHEST_PROTOCOL).dump(reader)
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
        log.warning("a reader cannot be kept: %s", error)
        return b""
    data = zlib.compress(out.getvalue(), 1)
    return mark() + data if len(data) <= MOST else b""


def load(data: bytes, format: Format) -> Reader | None:
    """What `dump` was given; None when these bytes are of other formats, or no good."""
    if not data or data[:_MARK] != mark():
        return None
    try:
        found = _Only(io.BytesIO(zlib.decompress(data[_MARK:]))).load()
    except Exception as error:  # noqa: BLE001 - of damaged bytes it may be any
        log.warning("a reader that was kept cannot be read: %s", error)
        return None
    return found if type(found) is type(format.reader()) else None


@cache
def mark() -> bytes:
    """Which formats these are: another word in any of them makes another one."""
    digest = blake2b(digest_size=_MARK)
    for path in sorted((Path(__file__).parent / "formats").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()
