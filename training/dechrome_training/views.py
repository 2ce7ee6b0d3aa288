"""Plain-text training pages, made from labelled blocks as many scrapers would leave them."""

from __future__ import annotations

import random
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dechrome.blocks import Kind, Label
from dechrome.lexicon import COOKIE_STEMS
from dechrome_training.align import words_of
from dechrome_training.corpus import Phrase
from dechrome_training.weak_kinds import PHRASE_KINDS

_SEPARATORS: Final = ("\n", "\n\n", "\n\n", "\n\n\n")
_CLEAN_END: Final = 0.3  # of written pages: next to nothing behind the content but a consent dialog
_BULLETS: Final = ("", "", "", "- ", "* ", "• ")
_JOINTS: Final = (" | ", " · ", " / ", " » ", " > ", "  ", " ", " - ", " • ")  # between phrases left on one line
_SENTENCE: Final = 45  # characters from which a phrase of a consent dialog is no button
# Characters up to which a consent button without a word for cookies could stand anywhere. Taught as consent, such
# buttons brought the precision of cookie notices from 0.65 down to 0.50 (logistic regression, folds by project).
_VAGUE: Final = 25
_ENDS: Final = (".", "!", "?", "。", "।", "۔", "։", "：", ":")
_BETWEEN: Final = (
    Kind.ADVERTISEMENT, Kind.RELATED, Kind.READ_MORE, Kind.SUBSCRIBE, Kind.SHARE, Kind.BYLINE, Kind.PAYWALL, Kind.OTHER,
)  # fmt: skip
# Kinds behind the content: how likely each is, and how many phrases at most.
_TAIL: Final = (
    (Kind.BYLINE, 0.3, 2), (Kind.SHARE, 0.35, 4), (Kind.RELATED, 0.3, 3), (Kind.READ_MORE, 0.2, 2),
    (Kind.COMMENTS, 0.35, 5), (Kind.SUBSCRIBE, 0.25, 3), (Kind.PAGINATION, 0.15, 4), (Kind.PAYWALL, 0.08, 2),
    (Kind.ADVERTISEMENT, 0.1, 2), (Kind.NAVIGATION, 0.3, 10), (Kind.LEGAL, 0.35, 4), (Kind.ACCOUNT, 0.1, 4),
    (Kind.BROWSER_NOTICE, 0.06, 1), (Kind.OTHER, 0.1, 2),
)  # fmt: skip


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
        self._chrome: dict[tuple[Kind, str], list[Phrase]] = defaultdict(list)
        self._content: dict[str, list[Phrase]] = defaultdict(list)
        self._images: list[Phrase] = []
        for phrase in phrases:
            if phrase.label is Label.CHROME:
                self._chrome[PHRASE_KINDS[phrase.kind], phrase.language].append(phrase)
            elif phrase.label is Label.CONTENT:
                self._content[phrase.language].append(phrase)
            else:
                self._images.append(phrase)
        enough = (language for language, items in self._content.items() if len(items) >= 20)
        self.languages = sorted(language for language in enough if language != "und")
        self._cookie_languages = sorted(
            language
            for (kind, language), items in self._chrome.items()
            if kind is Kind.COOKIE_NOTICE and any(map(_is_sentence, items))
        )

    def image(self, chance: random.Random) -> list[Line]:
        """Return an image placeholder, if the book has any."""
        return [Line(chance.choice(self._images).text, 0.0, None, True)] if self._images else []

    def cookie_dialog(self, chance: random.Random, language: str) -> list[Line]:
        """Return a consent dialog: one to three sentences and up to four buttons of one project, or all of it glued."""
        if not self._cookie_languages:
            return []
        if language not in self._cookie_languages or chance.random() < 0.3:
            language = chance.choice(("en", chance.choice(self._cookie_languages)))
        if language not in self._cookie_languages:
            language = self._cookie_languages[0]
        phrases = self._chrome[Kind.COOKIE_NOTICE, language]
        first = chance.choice([phrase for phrase in phrases if _is_sentence(phrase)])
        same = [phrase for phrase in phrases if phrase.source == first.source]
        buttons = [phrase for phrase in same if not _is_sentence(phrase)]
        buttons = buttons or [phrase for phrase in phrases if not _is_sentence(phrase)]
        chosen = [first, *_some(chance, [p for p in same if _is_sentence(p)], chance.choice((0, 0, 1, 2)))]
        chosen += _some(chance, buttons, chance.choice((0, 1, 1, 2, 4, 8)))
        closers = [p for p in self._chrome.get((Kind.OTHER, language), []) if len(p.text) < 12]
        chosen += _some(chance, closers, int(chance.random() < 0.25))
        texts = [phrase.text for phrase in chosen]
        texts = [" ".join(texts)] if chance.random() < 0.2 else texts
        return [Line(text, 0.0, Kind.COOKIE_NOTICE) for text in texts]

    def run(self, chance: random.Random, kind: Kind, language: str, count: int) -> list[Line]:
        """Return up to ``count`` phrases of one kind, in the language or else in English: on lines, or all on one."""
        items = self._chrome.get((kind, language)) or self._chrome.get((kind, "en"), [])
        texts = [phrase.text for phrase in _some(chance, items, count)]
        if len(texts) > 1 and chance.random() < 0.2:
            texts = [chance.choice(_JOINTS).join(texts)]
        if chance.random() < 0.05:
            texts = [text.upper() for text in texts]
        bullet = chance.choice(_BULLETS)
        return [Line(bullet + text, 0.0, kind) for text in texts]

    def with_tail(self, chance: random.Random, line: Line, language: str) -> Line:
        """Glue a link to the whole text to the end of a content line, as teasers and feeds have it."""
        tails = self._chrome.get((Kind.READ_MORE, language)) or self._chrome.get((Kind.READ_MORE, "en"), [])
        if not tails:
            return line
        tail = chance.choice(tails).text
        words, more = len(words_of(line.text)), len(words_of(tail))
        joint = chance.choice((" ", " ", "… ", " […] ", "... "))
        return Line(line.text + joint + tail, line.share * words / max(1, words + more))

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
        head += book.run(chance, Kind.OTHER, language, 1) if chance.random() < 0.3 else []
        head += book.run(chance, Kind.NAVIGATION, language, chance.choice((2, 5, 9, 14)))
        head += book.run(chance, Kind.SEARCH, language, chance.choice((0, 1, 2)))
        head += book.run(chance, Kind.ACCOUNT, language, chance.choice((0, 1, 2)))
    if chance.random() < 0.3:
        head += book.run(chance, Kind.BYLINE, language, chance.choice((1, 2)))
    body = _interrupted(content, book, chance, language)
    if chance.random() < _CLEAN_END:
        return head + _link_to_whole(body, book, chance, language) + _clean_end(book, chance, language)
    tail = [line for kind, count in _runs(chance, _TAIL) for line in book.run(chance, kind, language, count)]
    if chance.random() < 0.35:
        tail += book.cookie_dialog(chance, language)
    return head + body + tail


def _clean_end(book: PhraseBook, chance: random.Random, language: str) -> list[Line]:
    """Return what article extractors leave behind the last paragraph: a source perhaps, and mostly a consent dialog."""
    end = book.run(chance, Kind.BYLINE, language, 1) if chance.random() < 0.4 else []
    return end + (book.cookie_dialog(chance, language) if chance.random() < 0.8 else [])


def _link_to_whole(body: Sequence[Line], book: PhraseBook, chance: random.Random, language: str) -> list[Line]:
    """Now and then glue a link to the whole text to the last line, if that is content."""
    if not body or body[-1].share < 0.5 or chance.random() >= 0.3:
        return list(body)
    return [*body[:-1], book.with_tail(chance, body[-1], language)]


def dress_lightly(
    content: Sequence[Line], book: PhraseBook, chance: random.Random, language: str, empty: float = 0.15
) -> list[Line]:
    """Put a few lines of chrome before or behind content lines; now and then leave the chrome out.

    ``empty`` is how often the content is left out.
    """
    lines = [] if chance.random() < empty else list(content)
    for _ in range(chance.choice((0, 1, 1, 2)) if lines else 2):
        kind = chance.choice((Kind.COOKIE_NOTICE, Kind.COOKIE_NOTICE, Kind.NAVIGATION, *_BETWEEN))
        is_dialog = kind is Kind.COOKIE_NOTICE
        dialog = book.cookie_dialog(chance, language) if is_dialog else book.run(chance, kind, language, 2)
        extra = chance.sample(dialog, min(len(dialog), chance.choice((1, 1, 2))))
        lines = [*extra, *lines] if chance.random() < 0.3 else [*lines, *extra]
    return lines


def _interrupted(content: Sequence[Line], book: PhraseBook, chance: random.Random, language: str) -> list[Line]:
    """Put pictures and lonely lines of chrome between content lines, and tails on some."""
    body: list[Line] = []
    pictures = chance.random() < 0.5
    for line in content:
        body.append(book.with_tail(chance, line, language) if chance.random() < 0.04 else line)
        if pictures and chance.random() < 0.25:
            body += book.image(chance)
        if chance.random() < 0.04:
            body += book.run(chance, chance.choice(_BETWEEN), language, 1)
    return body


def _runs(chance: random.Random, table: Sequence[tuple[Kind, float, int]]) -> list[tuple[Kind, int]]:
    return [(kind, chance.randint(1, most)) for kind, likely, most in table if chance.random() < likely]


def phrase_lines(phrases: Sequence[Phrase]) -> list[Line]:
    """Return every phrase as a page of one line."""
    return [
        Line(
            " ".join(phrase.text.split()),
            1.0 if phrase.label is Label.CONTENT else 0.0,
            _kind_alone(phrase),
            phrase.label is Label.IMAGE,
        )
        for phrase in phrases
    ]


def _kind_alone(phrase: Phrase) -> Kind | None:
    """Return the kind that a phrase shows without its page; short buttons of consent dialogs ("Save") show none."""
    if phrase.label is not Label.CHROME:
        return None
    kind = PHRASE_KINDS[phrase.kind]
    text = phrase.text.lower()
    is_vague = len(text) <= _VAGUE and not any(stem in text for stem in COOKIE_STEMS)
    return None if kind is Kind.COOKIE_NOTICE and is_vague else kind


def _is_sentence(phrase: Phrase) -> bool:
    """Tell the sentences of a consent dialog from its buttons."""
    return len(phrase.text) > _SENTENCE or (phrase.kind != "cookie_button" and phrase.text.endswith(_ENDS))


def _some(chance: random.Random, items: Sequence[Phrase] | Sequence[str], count: int) -> list:  # type: ignore[type-arg]
    return chance.sample(list(items), min(count, len(items)))


def kinds_by_text(lines: Sequence[Line]) -> Mapping[str, Line]:
    """Map the text of each line to the line: to carry labels over to another way of cutting."""
    return {line.text: line for line in lines}
