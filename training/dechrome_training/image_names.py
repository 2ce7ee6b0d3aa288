"""Image placeholders as scrapers leave them, and content that looks like them: written from a seed, for training.

A placeholder is drawn from the templates, and every ``§name`` in it from the field of that name, down to words.
"""

from __future__ import annotations

import base64
import random
import re
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Final

from dechrome.blocks import Label
from dechrome_training.corpus import OWN_LICENCE, OWN_SOURCE, Phrase
from dechrome_training.image_templates import (
    ALTS,
    FOLDERS,
    FOREIGN,
    GONE,
    HOSTS,
    LOOK_ALIKES,
    MARKS,
    NAMES,
    PLACEHOLDERS,
    QUERIES,
    SEEN,
    SHOTS,
    SUFFIXES,
    THINGS,
    WORDS,
)
from dechrome_training.views import seeded

_FIELD: Final = re.compile(r"§([a-z]+)")


def write_images(count: int, seed: int = 0) -> list[Phrase]:
    """Write image placeholders: names, paths, addresses, markup, data, and the stubs of lazy pages.

    Fewer than ``count`` come back where two were the same.

    >>> [phrase.label.value for phrase in write_images(2)]
    ['image', 'image']
    """
    return _write("images", seed, count, PLACEHOLDERS, Label.IMAGE)


def write_look_alikes(count: int, seed: int = 0) -> list[Phrase]:
    """Write content that holds image names or looks like one: commands, sentences, versions, prices, other files."""
    return _write("look-alikes", seed, count, LOOK_ALIKES, Label.CONTENT)


def _write(purpose: str, seed: int, count: int, templates: list[str], label: Label) -> list[Phrase]:
    chances = (seeded(purpose, seed, number) for number in range(count))
    texts = dict.fromkeys(" ".join(_fill(chance.choice(templates), chance).split()) for chance in chances)
    return [Phrase(text, label, "", "und", OWN_SOURCE, OWN_LICENCE) for text in texts]


def _fill(template: str, chance: random.Random) -> str:
    return _FIELD.sub(lambda match: _FIELDS[match[1]](chance), template)


def _any(options: list[str]) -> Callable[[random.Random], str]:
    return lambda chance: _fill(chance.choice(options), chance)


def _number(first: int, last: int, width: int = 0) -> Callable[[random.Random], str]:
    return lambda chance: str(chance.randint(first, last)).zfill(width)


def _letters(alphabet: str, lengths: tuple[int, ...]) -> Callable[[random.Random], str]:
    return lambda chance: "".join(chance.choices(alphabet, k=chance.choice(lengths)))


def _slug(chance: random.Random) -> str:
    slug = chance.choice("--__.").join(chance.sample(WORDS, chance.choice((1, 2, 2, 3, 3, 4, 6))))
    return chance.choice((slug, slug, slug, slug.title(), slug.upper()))


def _name(chance: random.Random) -> str:
    name = f"{_fill(chance.choice(NAMES), chance)}.{chance.choice(SUFFIXES)}"
    return f"{name}{chance.choice(QUERIES)}" if chance.random() < 0.05 else name


def _path(chance: random.Random) -> str:
    folder = chance.choice(FOLDERS) + chance.choice(("", "", f"/{chance.choice(WORDS)}"))
    slash = "" if folder.startswith(".") else chance.choice(("", "", "/", "./"))
    return f"{slash}{folder}/{_name(chance)}"


def _address(chance: random.Random) -> str:
    path = _path(chance).lstrip("./").replace(" ", "%20")
    return f"{chance.choice(HOSTS)}/{path}{'' if '?' in path else chance.choice((*QUERIES, *[''] * 8))}"


def _data(chance: random.Random) -> str:
    kind, head = chance.choice(
        (
            ("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
            ("gif", b"GIF89a\1\0\1\0\x80\0\0"),
            ("jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1"),
            ("webp", b"RIFF\x22\0\0\0WEBPVP8 "),
            ("svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"'),
        )
    )
    code = base64.b64encode(head + chance.randbytes(chance.randint(6, 90))).decode()
    box = f"0%200%20{chance.randint(1, 900)}%20{chance.randint(1, 900)}"
    drawn = f"%3Csvg%20xmlns='http://www.w3.org/2000/svg'%20viewBox='{box}'%3E%3C/svg%3E"
    return chance.choice((f"data:image/{kind};base64,{code}", code, f"data:image/svg+xml,{drawn}"))


_FIELDS: Final[Mapping[str, Callable[[random.Random], str]]] = {
    "address": _address,
    "alt": _any(ALTS),
    "clock": _number(0, 235959, 6),
    "code": _letters("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789_-", (8, 12, 16, 22)),
    "data": _data,
    "day": _number(1, 28, 2),
    "digit": _number(1, 9),
    "encoded": lambda chance: urllib.parse.quote(" ".join((chance.choice(FOREIGN), chance.choice(WORDS)))),
    "five": _number(0, 99999, 5),
    "foreign": _any(FOREIGN),
    "four": _number(1, 9999, 4),
    "gone": _any(GONE),
    "hash": _letters("0123456789abcdef", (8, 12, 16, 20, 32, 32, 40)),
    "joint": _any([" at ", " um ", " à ", " alle ", " ", "-", "_", " в "]),
    "mark": _any(MARKS),
    "month": _number(1, 12, 2),
    "name": _name,
    "number": _number(1, 60),
    "path": _path,
    "place": _any(["§name", "§path", "§address"]),
    "quality": _any("60 75 80 85 90 95".split()),
    "seen": _any(SEEN),
    "short": _letters("abcdefghijklmnopqrstuvwxyz", (1, 2, 3, 3, 4, 4, 5, 6)),
    "shot": _any(SHOTS),
    "size": _any("80 100 150 240 300 320 400 480 640 750 768 828 1000 1024 1080 1200 1536 1920 2048".split()),
    "sizes": _any("150x150 300x200 300x169 640x480 768x512 1024x768 1200x630 1920x1080 80x60 1x1 400x400".split()),
    "slug": _slug,
    "suffix": _any(SUFFIXES),
    "things": lambda chance: ", ".join(chance.sample(THINGS, chance.randint(1, 4))),
    "title": lambda chance: " ".join(chance.sample(WORDS, chance.randint(2, 5))).capitalize(),
    "width": _any("400w 640w 800w 828w 1000w 1080w 1200w 2048w".split()),
    "word": _any(WORDS),
    "year": _number(2003, 2024),
}
