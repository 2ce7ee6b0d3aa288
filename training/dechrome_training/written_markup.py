"""Lines of a written page -> HTML: chrome in the markup that sites give its kind, or in any.

Annotated pages are whole pages of hundreds of blocks. Fragments, feeds and small sites are a handful: a menu of two
links, a sentence, a consent dialog.
"""

from __future__ import annotations

import html as html_module
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from dechrome.blocks import Kind, Label
from dechrome_training.corpus import GoldBlock
from dechrome_training.views import Line

Style = tuple[str, str]
"""A run of lines with {items}, and one line with {text}."""

_LINK: Final = '<a href="#">{text}</a> '
# Markup that says nothing of the kind.
_PLAIN: Final[tuple[Style, ...]] = (
    ("<div>{items}</div>", "<p>{text}</p>"),
    ("<div>{items}</div>", "<div>{text}</div>"),
    ("<ul>{items}</ul>", '<li><a href="#">{text}</a></li>'),
    ("<ul>{items}</ul>", "<li>{text}</li>"),
    ("<p>{items}</p>", _LINK),
    ("<div>{items}</div>", _LINK),
    ("<table><tr><td>{items}</td></tr></table>", _LINK),
    ("{items}", "<p>{text}</p>"),
    ("{items}", "<div>{text}</div>"),
    ("<section>{items}</section>", "<span>{text}</span> "),
)
_KINDS: Final[dict[Kind, tuple[Style, ...]]] = {
    Kind.NAVIGATION: (
        ("<nav>{items}</nav>", _LINK),
        ("<nav><ul>{items}</ul></nav>", '<li><a href="#">{text}</a></li>'),
        ("<header><nav>{items}</nav></header>", _LINK),
        ('<header class="site-header"><ul class="menu">{items}</ul></header>', '<li><a href="#">{text}</a></li>'),
        ('<div id="nav">{items}</div>', _LINK),
        ('<div role="navigation">{items}</div>', _LINK),
        ("<nav>{items}</nav>", "{text} "),
    ),
    Kind.COOKIE_NOTICE: (
        ('<div id="cookie-banner">{items}</div>', "<p>{text}</p>"),
        ('<div class="cookie-consent" role="dialog">{items}</div>', "<div>{text}</div>"),
        ('<div role="dialog" aria-modal="true">{items}</div>', "<p>{text}</p>"),
        ('<div class="modal"><div class="modal-body">{items}</div></div>', "<p>{text}</p>"),
        ('<div class="banner">{items}</div>', "<span>{text}</span> "),
        ("<aside>{items}</aside>", "<p>{text}</p>"),
        ("<dialog open>{items}</dialog>", "<p>{text}</p>"),
    ),
    Kind.SHARE: (
        ('<div class="share">{items}</div>', _LINK),
        ('<ul class="social">{items}</ul>', '<li><a href="#">{text}</a></li>'),
    ),
    Kind.BYLINE: (
        ('<p class="byline">{items}</p>', "{text} "),
        ('<div class="post-meta">{items}</div>', "<span>{text}</span> "),
        ("<address>{items}</address>", "{text} "),
    ),
    Kind.COMMENTS: (
        ('<section id="comments">{items}</section>', "<p>{text}</p>"),
        ('<div id="respond">{items}</div>', "<label>{text}</label> "),
    ),
    Kind.RELATED: (
        ("<aside>{items}</aside>", '<p><a href="#">{text}</a></p>'),
        ('<div class="related">{items}</div>', "<h3>{text}</h3>"),
    ),
    Kind.SEARCH: (('<form role="search"><input name="q">{items}</form>', "<button>{text}</button>"),),
    Kind.ACCOUNT: (('<div class="login">{items}</div>', _LINK),),
    Kind.PAGINATION: (('<div class="pagination">{items}</div>', _LINK), ("<nav>{items}</nav>", _LINK)),
    Kind.SUBSCRIBE: (('<form class="newsletter">{items}<input type="email"></form>', "<p>{text}</p>"),),
    Kind.ADVERTISEMENT: (('<div class="ad">{items}</div>', "<span>{text}</span> "),),
    Kind.PAYWALL: (('<div class="paywall">{items}</div>', "<p>{text}</p>"),),
    Kind.LEGAL: (
        ("<footer>{items}</footer>", "<p>{text}</p>"),
        ("<footer>{items}</footer>", _LINK),
        ('<div id="footer">{items}</div>', "<small>{text}</small> "),
    ),
    Kind.READ_MORE: (("<p>{items}</p>", _LINK), ('<a class="more-link" href="#">{items}</a>', "{text} ")),
    Kind.BROWSER_NOTICE: (("<noscript>{items}</noscript>", "<p>{text}</p>"),),
}
_CONTENT: Final[tuple[str, ...]] = (
    "<main>{items}</main>", "<article>{items}</article>", "<main><article>{items}</article></main>",
    '<div class="content">{items}</div>', '<div id="main">{items}</div>', "<div>{items}</div>", "{items}", "{items}",
)  # fmt: skip
_BULLETS: Final = "-*• "  # of lines in plain text
_BUTTON: Final = 45  # characters up to which a line of a consent dialog is a button
_HEADING: Final = 70  # characters up to which a line of content may be a heading
_PAGES: Final = (
    "<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>",
    "<html><body>{body}</body></html>",
    "<html><head><title>{title}</title></head><body><div id=page>{body}</div></body></html>",
    "{body}",
)


def write_markup(lines: Sequence[Line], chance: random.Random) -> tuple[str, list[GoldBlock]]:
    """Write lines as an HTML page; returns it with the label of every line."""
    lines = [replace(line, text=line.text.lstrip(_BULLETS)) for line in lines]
    runs = [(kind, list(run)) for kind, run in groupby(lines, lambda line: line.kind)]
    body = "\n".join(
        _write_content(run, chance) if kind is None else _write_chrome(kind, run, chance) for kind, run in runs
    )
    title = next((line.text for line in lines if line.kind is None), "")
    page = chance.choice(_PAGES).replace("{title}", html_module.escape(title)).replace("{body}", body)
    return page, [GoldBlock(line.text, _label(line), line.kind) for line in lines]


def _write_chrome(kind: Kind, lines: Sequence[Line], chance: random.Random) -> str:
    telling = _KINDS.get(kind, ())
    outer, inner = chance.choice(telling if telling and chance.random() < 0.6 else _PLAIN)
    button = chance.choice(
        ("<button>{text}</button> ", '<a href="#">{text}</a> ', '<a class="btn" href="#">{text}</a> ')
    )
    items = [
        _fill(button if kind is Kind.COOKIE_NOTICE and len(line.text) <= _BUTTON else inner, line.text)
        for line in lines
    ]
    return outer.replace("{items}", "".join(items))


def _write_content(lines: Sequence[Line], chance: random.Random) -> str:
    outer = chance.choice(_CONTENT)
    usual = chance.choice(("<p>{text}</p>", "<p>{text}</p>", "<p>{text}</p>", "<div>{text}</div>", "<li>{text}</li>"))
    items = []
    for place, line in enumerate(lines):
        is_heading = len(line.text) <= _HEADING and place + 1 < len(lines) and chance.random() < 0.5
        inner = chance.choice(("<h1>{text}</h1>", "<h2>{text}</h2>", "<h3>{text}</h3>")) if is_heading else usual
        items.append(_fill(inner, line.text))
    return outer.replace("{items}", "\n".join(items))


def _fill(template: str, text: str) -> str:
    return template.replace("{text}", html_module.escape(text))


def _label(line: Line) -> Label:
    if line.is_image:
        return Label.IMAGE
    return Label.CONTENT if line.share >= 0.5 else Label.CHROME
