"""What agents are called, by the name of their format: filled by the formats as they are loaded, read by anyone.

Whoever lists or opens sessions has loaded the formats, on its own thread, before anything of them is shown; so the
window need not load any to write a name.
"""

from __future__ import annotations

from typing import Final

TITLES: Final[dict[str, str]] = {}  # 'opencode' → 'OpenCode'


def title(agent: str) -> str:
    """'opencode' as its makers write it; of a format that is not loaded, its name with capital letters."""
    known = TITLES.get(agent)
    return agent.replace("_", "-").replace("-", " ").title() if known is None else known
