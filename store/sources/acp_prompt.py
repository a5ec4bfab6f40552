"""A prompt as an ACP agent gets it: content blocks, by what it says that it takes. For `store.sources.acp`."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from store.attach import Attached, form, read
from store.formats.acp_content import Said, said_in
from store.runners.base import YES, Abilities, Ability


def abilities(caps: dict[str, Any], *, resume: Ability, modes: tuple[str, ...]) -> Abilities:
    """What an agent can, by its answer to the handshake."""
    given = caps.get("promptCapabilities")
    offered = given if isinstance(given, dict) else {}
    no = Ability(False, "The agent says itself what it can do, once it has been started.")
    return Abilities(
        resume=resume, fork=no, compact=no, permissions=YES, live=YES, modes=modes,
        images=YES if offered.get("image") is True else Ability(False, "This agent takes no images."),
        texts=Ability(offered.get("embeddedContext") is True),
    )  # fmt: skip


def shown(text: str, files: Sequence[Attached], able: Abilities) -> Said:
    """How the journal will show it."""
    return said_in(_blocks(text, files, able, [b""] * len(files)))


def blocks(text: str, files: Sequence[Attached], able: Abilities) -> list[dict[str, Any]]:
    """The content of a prompt; reads its files, so it is for a thread. Raises StoreError."""
    return _blocks(text, files, able, [b"" if form(file, able)[0] == "link" else read(file) for file in files])


def _blocks(text: str, files: Sequence[Attached], able: Abilities, data: Sequence[bytes]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [{"type": "text", "text": text}] if text or not files else []
    for file, told in zip(files, data, strict=True):
        how, uri = form(file, able)[0], Path(file.path).as_uri()
        place = {} if file.pasted else {"uri": uri}
        mime = {"mimeType": file.mime} if file.mime else {}
        if how == "image":
            made.append({"type": "image", "data": base64.b64encode(told).decode(), **mime, **place})
        elif how == "text":
            inner = {"uri": uri, "text": told.decode("utf-8", "replace"), **mime}
            made.append({"type": "resource", "resource": inner})
        else:
            made.append({"type": "resource_link", "uri": uri, "name": file.name, **mime, "size": file.size})
    return made
