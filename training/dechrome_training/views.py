"""Plain-text training pages, made from labelled blocks as many scrapers would leave them."""

from __future__ import annotations

import random
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dechrome.blocks import Kind, Label
from dechrome_training.corpus import Phrase
from dechrome_training.weak_kinds import PHRASE_KINDS

_SEPARATORS: Final = ("\n", "\n\n", "\n\n", "\n\n\n")
_BULLETS: Final = ("", "", "", "- ", "* ", "• ")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plain-text page: ``share`` of its words that are content (nan: not known)."""

    text: str
    share: float
    kind: Kind | None = None
    is_image: bool = False


def seeded(*parts: object) -> random.Random:
    """Return a generator that depends on the parts alone, so that every run makes the same pages."""
    return random.Random(zlib.crc32(repr(parts).encode()))


def join_lines(lines: Sequence[Line], chance: random.Random) -> str:
    """Write the lines as one text: everything on its own line, or blank lines between, or a mixture."""
    style = chance.choice((*_SEPARATORS, ""))
    pieces: list[str] = []
    for index, line in enumerate(lines):
        if index:
            pieces.append(style or chance.choice(("\n", "\n\n")))
        pieces.append(line.text)
    return "".join(pieces)


def visible_lines(blocks: Sequence[Line]) -> list[Line]:
    """Write every block on lines of its own, as whole-page extractors do."""
    return [
        Line(part, block.share, block.kind, block.is_image)
        for block in blocks
        for part in block.text.split("\n")
        if part.strip()
    ]


def with_leftovers(blocks: Sequence[Line], chance: random.Random) -> list[Line]:
    """Keep the content and some of the chrome around and inside it, as article extractors do."""
    lines = visible_lines(blocks)
    inside = [index for index, line in enumerate(lines) if line.share >= 0.5]
    if not inside:
        return lines
    first, last = inside[0], inside[-1]
    before, after = chance.choice((0, 2, 5, 12)), chance.choice((0, 2, 6, 20))
    within = chance.choice((0.0, 0.2, 0.7))
    return [
        line
        for index, line in enumerate(lines)
        if line.share >= 0.5
        or (first - before <= index < first)
        or (last < index <= last + after)
        or (first < index < last and chance.random() < within)
    ]


def wrapped(lines: Sequence[Line], width: int) -> list[Line]:
    """Break long lines at ``width`` characters, as mail and terminal text have them."""
    result: list[Line] = []
    for line in lines:
        words, current = line.text.split(" "), ""
        for word in words:
            if current and len(current) + len(word) >= width:
                result.append(Line(current, line.share, line.kind, line.is_image))
                current = word
            else:
                current = f"{current} {word}" if current else word
        result.append(Line(current, line.share, line.kind, line.is_image))
    return result


class PhraseBook:
    """Phrases by kind and language, for writing chrome around content."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self._chrome: dict[tuple[str, str], list[Phrase]] = defaultdict(list)
        self._content: dict[str, list[Phrase]] = defaultdict(list)
        self._images: list[Phrase] = []
        for phrase in phrases:
            if phrase.label is Label.CHROME:
                self._chrome[phrase.kind, phrase.language].append(phrase)
            elif phrase.label is Label.CONTENT:
                self._content[phrase.language].append(phrase)
            else:
                self._images.append(phrase)
        self.languages = sorted(language for language, items in self._content.items() if len(items) >= 20)
        self._cookie_languages = sorted({language for kind, language in self._chrome if kind == "cookie_notice"})

    def image(self, chance: random.Random) -> list[Line]:
        """Return an image placeholder, if the book has any."""
        return [Line(chance.choice(self._images).text, 0.0, None, True)] if self._images else []

    def cookie_dialog(self, chance: random.Random, language: str) -> list[Line]:
        """Return a consent dialog: one to three sentences and up to four buttons of one project."""
        if not self._cookie_languages:
            return []
        if ("cookie_notice", language) not in self._chrome or chance.random() < 0.3:
            language = chance.choice(("en", chance.choice(self._cookie_languages)))
        notices = self._chrome.get(("cookie_notice", language), [])
        notices = notices or self._chrome["cookie_notice", self._cookie_languages[0]]
        first = chance.choice(notices)
        same = [phrase for phrase in notices if phrase.source == first.source]
        buttons = [p for p in self._chrome.get(("cookie_button", language), []) if p.source == first.source]
        buttons = buttons or self._chrome.get(("cookie_button", language), [])
        chosen = [first, *_some(chance, same, chance.choice((0, 0, 1, 2)))]
        chosen += _some(chance, buttons, chance.choice((0, 1, 1, 2, 4)))
        closers = self._chrome.get(("skip_close", language), [])
        if closers and chance.random() < 0.25:
            chosen += _some(chance, [p for p in closers if len(p.text) < 12], 1)
        return [Line(phrase.text, 0.0, Kind.COOKIE_NOTICE) for phrase in chosen]

    def run(self, chance: random.Random, kind: str, language: str, count: int) -> list[Line]:
        """Return up to ``count`` phrases of one kind, in the language or else in English."""
        items = self._chrome.get((kind, language)) or self._chrome.get((kind, "en"), [])
        bullet = chance.choice(_BULLETS)
        return [Line(bullet + phrase.text, 0.0, PHRASE_KINDS[kind]) for phrase in _some(chance, items, count)]

    def paragraphs(self, chance: random.Random, language: str, count: int) -> list[Line]:
        """Return content lines of one language: headings, list items, and sentences joined to paragraphs."""
        items = self._content[language]
        lines: list[Line] = []
        sentences = [phrase.text for phrase in items if len(phrase.text) > 60] or [phrase.text for phrase in items]
        short = [phrase.text for phrase in items if len(phrase.text) <= 60]
        for _ in range(count):
            if short and chance.random() < 0.25:
                lines.append(Line(chance.choice(short), 1.0))
            else:
                lines.append(Line(" ".join(_some(chance, sentences, chance.choice((1, 2, 3, 4)))), 1.0))
        return lines


def dress(content: Sequence[Line], book: PhraseBook, chance: random.Random, language: str) -> list[Line]:
    """Put chrome before, inside and behind content lines, as they come out of scrapers."""
    head: list[Line] = []
    if chance.random() < 0.25:
        head += book.cookie_dialog(chance, language)
    if chance.random() < 0.5:
        head += book.run(chance, "skip_close", language, 1) if chance.random() < 0.3 else []
        head += book.run(chance, "navigation", language, chance.choice((2, 5, 9, 14)))
        head += book.run(chance, "search_ui", language, chance.choice((0, 1, 2)))
        head += book.run(chance, "login_register", language, chance.choice((0, 1, 2)))
    if chance.random() < 0.3:
        head += book.run(chance, "byline_meta", language, chance.choice((1, 2)))
    body: list[Line] = []
    pictures = chance.random() < 0.5
    for line in content:
        body.append(line)
        if pictures and chance.random() < 0.25:
            body += book.image(chance)
        if chance.random() < 0.03:
            kind = chance.choice(("advertisement", "related_posts", "read_more", "subscribe_newsletter", "share"))
            body += book.run(chance, kind, language, 1)
    tail: list[Line] = []
    for kind, likely, most in (
        ("byline_meta", 0.3, 2), ("share", 0.35, 4), ("related_posts", 0.3, 3), ("read_more", 0.2, 2),
        ("comments_ui", 0.35, 5), ("subscribe_newsletter", 0.25, 3), ("pagination", 0.15, 4), ("paywall", 0.08, 2),
        ("advertisement", 0.1, 2), ("navigation", 0.3, 10), ("footer_legal", 0.35, 4), ("login_register", 0.1, 4),
        ("javascript_required", 0.06, 1),
    ):  # fmt: skip
        if chance.random() < likely:
            tail += book.run(chance, kind, language, chance.randint(1, most))
    if chance.random() < 0.35:
        tail += book.cookie_dialog(chance, language)
    return head + body + tail


def phrase_lines(phrases: Sequence[Phrase]) -> list[Line]:
    """Return every phrase as a page of one line."""
    return [
        Line(
            " ".join(phrase.text.split()),
            1.0 if phrase.label is Label.CONTENT else 0.0,
            PHRASE_KINDS.get(phrase.kind) if phrase.label is Label.CHROME else None,
            phrase.label is Label.IMAGE,
        )
        for phrase in phrases
    ]


def _some(chance: random.Random, items: Sequence[Phrase] | Sequence[str], count: int) -> list:  # type: ignore[type-arg]
    return chance.sample(list(items), min(count, len(items)))


def kinds_by_text(lines: Sequence[Line]) -> Mapping[str, Line]:
    """Map the text of each line to the line: to carry labels over to another way of cutting."""
    return {line.text: line for line in lines}
