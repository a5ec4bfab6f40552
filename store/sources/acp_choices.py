"""What may be chosen in an ACP session, mode and model, and what is chosen; as options say it, else as lists do."""

from __future__ import annotations

from typing import Any, Final

from store.formats.acp_content import config_of
from store.formats.values import string

_METHODS: Final = {"mode": ("session/set_mode", "modeId"), "model": ("session/set_model", "modelId")}


class Choices:
    """Of one session. Pairs are (id, name); ids are '' and tuples empty until the agent has said them."""

    def __init__(self) -> None:
        self.modes: tuple[tuple[str, str], ...] = ()
        self.llms: tuple[tuple[str, str], ...] = ()
        self.mode = self.llm = ""
        self._options: dict[str, str] = {}  # category → id of the option that has it

    def take(self, told: dict[str, Any]) -> None:
        """What a session's answer or update says of them."""
        self.modes = _choices(told.get("modes"), "availableModes", "id") or self.modes
        self.llms = _choices(told.get("models"), "availableModels", "modelId") or self.llms
        options = told.get("configOptions")
        for option in options if isinstance(options, list) else ():
            if isinstance(option, dict) and isinstance(option.get("id"), str):
                category, choices = option.get("category"), _choices(option, "options", "value")
                if category in ("mode", "model") and choices:
                    self._options[category] = option["id"]
                    if category == "mode":
                        self.modes = choices
                    else:
                        self.llms = choices
        mode, llm = config_of(told)
        self.mode, self.llm = mode or string(told, "currentModeId") or self.mode, llm or self.llm

    def request(self, category: str, value: str) -> tuple[str, dict[str, Any]]:
        """How the agent is asked to change one: method, and parameters besides the session's id."""
        if category in self._options:
            return "session/set_config_option", {"configId": self._options[category], "value": value}
        method, key = _METHODS[category]
        return method, {key: value}


def _choices(told: Any, key: str, id: str) -> tuple[tuple[str, str], ...]:
    """(id, name) of what may be chosen; groups of choices are one list."""
    given = told.get(key) if isinstance(told, dict) else None
    found: list[tuple[str, str]] = []
    for one in given if isinstance(given, list) else ():
        if isinstance(one, dict) and isinstance(one.get("options"), list):
            found += _choices(one, "options", id)
        elif isinstance(one, dict) and isinstance(one.get(id), str):
            name = one.get("name")
            found.append((one[id], name if isinstance(name, str) else one[id]))
    return tuple(found)
