"""How Playhead looks. `make_look`, `apply` and `system_scheme` are what the rest of the viewer calls."""

from __future__ import annotations

from viewer.theme.look import Look
from viewer.theme.scheme import application, apply, make_look, system_scheme
from viewer.theme.tokens import Scheme

__all__ = ["Look", "Scheme", "application", "apply", "make_look", "system_scheme"]
