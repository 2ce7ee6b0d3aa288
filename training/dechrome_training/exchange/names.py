"""Label and kind as one name, as labelling tools take it: ``content``, ``image``, ``chrome/cookie_notice``."""

from __future__ import annotations

import re
from typing import Final

from dechrome.blocks import Kind, Label

NAMES: Final = (
    *(label.value for label in Label),
    *(f"{Label.CHROME.value}/{kind.value}" for kind in Kind),
)
_LABELS: Final = frozenset(Label)
_KINDS: Final = frozenset(Kind)
_SEPARATOR: Final = re.compile(r"[/:.|>]+")
_GAP: Final = re.compile(r"[\s_-]+")


def format_name(label: Label, kind: Kind | None = None) -> str:
    """Return the one name of label and kind.

    >>> format_name(Label.CHROME, Kind.COOKIE_NOTICE)
    'chrome/cookie_notice'
    """
    return label.value if kind is None else f"{label.value}/{kind.value}"


def parse_name(name: str) -> tuple[Label, Kind | None]:
    """Return label and kind of a name; case, the separator and gaps do not matter, and a kind may stand alone.

    >>> parse_name("Chrome: cookie notice") == parse_name("cookie-notice") == (Label.CHROME, Kind.COOKIE_NOTICE)
    True

    Raises:
        ValueError: it is no such name.
    """
    parts = [_GAP.sub("_", part.strip().lower()) for part in _SEPARATOR.split(name) if part.strip()]
    if len(parts) == 1 and parts[0] in _LABELS:
        return Label(parts[0]), None
    if parts and parts[-1] in _KINDS and parts[:-1] in ([], [Label.CHROME.value]):
        return Label.CHROME, Kind(parts[-1])
    raise ValueError(f"no label or kind: {name!r} (there are {', '.join(Label)} and chrome/<kind>)")
