"""The files that are shipped with the programs: icons, fonts, themes. Only viewer.theme and the demo ask for them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent


def path(name: str) -> Path:
    """Where 'icons/bot.svg' or 'fonts/Inter-Regular.ttf' lies; raises FileNotFoundError for what is not shipped."""
    # A wheel is unpacked when it is installed, so a resource is always a real file: Qt can be given its path.
    found = _HERE.joinpath(*name.split("/"))
    if not found.exists():
        raise FileNotFoundError(f"playhead is installed without its resource {name!r}: install it again")
    return found
