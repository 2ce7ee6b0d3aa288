"""The records of dechrome: blocks, the document they were cut from, and the labelled page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Label(StrEnum):
    """What a block is."""

    CONTENT = "content"
    IMAGE = "image"
    CHROME = "chrome"


class Kind(StrEnum):
    """What sort of chrome a chrome block is."""

    COOKIE_NOTICE = "cookie_notice"
    NAVIGATION = "navigation"
    SHARE = "share"
    SUBSCRIBE = "subscribe"
    ACCOUNT = "account"
    COMMENTS = "comments"
    RELATED = "related"
    READ_MORE = "read_more"
    PAGINATION = "pagination"
    SEARCH = "search"
    LEGAL = "legal"
    BYLINE = "byline"
    ADVERTISEMENT = "advertisement"
    PAYWALL = "paywall"
    BROWSER_NOTICE = "browser_notice"
    OTHER = "other"


class Span(NamedTuple):
    """A run of inline markup inside a block: ``text[start:end]`` was inside ``tag``."""

    start: int
    end: int
    tag: str
    href: str = ""


class Tree(NamedTuple):
    """The elements of a page in document order, as columns: element ``i`` is ``tags[i]`` inside ``parents[i]``.

    The root's parent is -1. ``cues`` joins the values of the attributes that say what an element is for
    (class, id, role …).
    """

    tags: list[str]
    parents: list[int]
    cues: list[str]


class Block(NamedTuple):
    """One run of text that a browser would set apart from its neighbours.

    ``element`` is the index of the innermost element around the whole run (-1: plain text).
    ``linked`` and ``emphasised`` count characters inside links and bold or italic type, ``links``,
    ``images`` and ``breaks`` count elements inside the run or between it and the block before.
    ``start`` and ``end`` are offsets into the source (plain text only, else both 0).
    """

    text: str
    element: int = -1
    linked: int = 0
    emphasised: int = 0
    links: int = 0
    images: int = 0
    breaks: int = 0
    hidden: bool = False
    start: int = 0
    end: int = 0
    spans: tuple[Span, ...] = ()

    @property
    def link_density(self) -> float:
        """Share of the characters that sit inside links, 0..1 (Kohlschütter et al., WSDM 2010)."""
        return min(1.0, self.linked / len(self.text)) if self.text else 0.0


@dataclass(frozen=True, slots=True)
class Document:
    """A page cut into blocks, not yet labelled.

    ``tree`` is empty for plain text. ``source_text`` is the plain text that the offsets of the
    blocks refer to, and None for HTML. ``hints`` are the types that the page gives itself in its
    metadata (Open Graph, schema.org), in lower case.
    """

    blocks: Sequence[Block]
    tree: Tree = field(default_factory=lambda: Tree([], [], []))
    title: str = ""
    url: str | None = None
    source_text: str | None = None
    problems: tuple[str, ...] = ()
    hints: frozenset[str] = frozenset()

    @property
    def is_text(self) -> bool:
        """Whether the page came as plain text."""
        return self.source_text is not None


class LabelledBlock(NamedTuple):
    """A block with what the model thinks of it.

    ``confidence`` is the calibrated probability of ``label``; ``probabilities`` maps every label to
    its probability. ``kind`` is set for chrome only and ``kind_confidence`` belongs to it. ``path``
    is the XPath of the block's element (HTML and trees); ``start`` and ``end`` are offsets into the
    input (plain text).
    """

    text: str
    label: Label
    kind: Kind | None = None
    confidence: float = 1.0
    probabilities: Mapping[Label, float] = {}
    kind_confidence: float | None = None
    path: str = ""
    start: int = 0
    end: int = 0
    spans: tuple[Span, ...] = ()


class Reason(NamedTuple):
    """What one feature of a block adds to its being content: a positive ``contribution`` speaks for content."""

    feature: str
    value: float
    contribution: float
