"""Good recordings, damaged at random: what the fuzz tests of store and viewer are fed with."""

from __future__ import annotations

import random
from pathlib import Path

FILES = [
    path for path in sorted((Path(__file__).parent / "recorded").glob("*/*.jsonl")) if path.stat().st_size < 50_000
]
DATA = [(path.parent.name, path.read_bytes()) for path in FILES]
JUNK = (
    b"\0", b"\n", b"\r\n", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"NaN", b"1e999", b"-", b"\xff",
    b"\xed\xa0\x80",
    b"\\ud83d", b"\\u0000", "\u2028".encode(), b"9" * 400, b"[" * 1200, b'{"a":' * 1200, b"\xef\xbb\xbf", b"#",
    b"true", b'{"type":"user"}',
)  # fmt: skip


def mutate(data: bytes, rng: random.Random) -> bytes:
    """A stretch of a good file with up to six wounds."""
    first = rng.randrange(len(data))
    out = bytearray(data[first : first + rng.choice((300, 3000, 20_000))])
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(7):
            case 0:
                del out[at : at + rng.randint(1, 40)]
            case 1:
                out[at:at] = rng.choice(JUNK)
            case 2 if at < len(out):
                out[at] = rng.randrange(256)
            case 3:
                other = rng.randrange(len(out) + 1)
                out[at:at] = out[other : other + rng.randint(1, 300)]
            case 4:
                del out[at:]
            case 5:
                out[at:at] = rng.choice(JUNK) * rng.randint(1, 3)
            case _:
                # A value of another type, in the place of a good one.
                colon = out.find(b'":', at)
                if colon >= 0:
                    out[colon + 2 : colon + 2 + rng.randint(0, 12)] = rng.choice(
                        (b"null,", b"[],", b"{},", b"7,", b'"x",', b"[[]],")
                    )
    return bytes(out)
