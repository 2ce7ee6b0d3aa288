"""Kinds of chrome read off reliable markup: weak labels for pages whose gold is only the main content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from dechrome.blocks import Document, Kind

# The words of PHRASES.md for our kinds, and our own.
PHRASE_KINDS: Final[Mapping[str, Kind]] = {
    **{kind.value: kind for kind in Kind},
    "byline_meta": Kind.BYLINE,
    "comments_ui": Kind.COMMENTS,
    "cookie_button": Kind.COOKIE_NOTICE,
    "footer_legal": Kind.LEGAL,
    "javascript_required": Kind.BROWSER_NOTICE,
    "login_register": Kind.ACCOUNT,
    "related_posts": Kind.RELATED,
    "search_ui": Kind.SEARCH,
    "skip_close": Kind.OTHER,
    "subscribe_newsletter": Kind.SUBSCRIBE,
}

_WORD: Final = re.compile(r"[a-z]+")
_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_COPYRIGHT: Final = re.compile(r"©|\(c\)\s*\d{4}|copyright|all rights reserved", re.I)
_CREDIT: Final = re.compile(r"\W*(?:photo|image|picture|foto|bild|crédit|credit|getty)", re.I)
_BROWSER: Final = re.compile(r"script|browser|navigat|naveg|браузер|скрипт|ブラウザ|浏览器|瀏覽器|브라우저|متصفح", re.I)
# Words in an element's class, id or role that settle the kind of chrome inside; the nearest element decides, and
# within one element the earlier row. An element that holds more characters than the number is a part of the page
# that merely mentions such a thing: a list of results, an article with share buttons.
_RULES: Final[tuple[tuple[Kind, int, frozenset[str]], ...]] = (
    (
        Kind.COOKIE_NOTICE,
        30_000,
        frozenset(
            "cookie cookies cookiebar cookiebanner cookieconsent cookienotice cookiebot cookielaw gdpr onetrust"
            " optanon didomi usercentrics truste trustarc cmplz cybot cky klaro".split()
        ),
    ),
    (Kind.PAGINATION, 600, frozenset("pagination pager paging paginator pagenavi".split())),
    (Kind.SEARCH, 1_500, frozenset("search searchform searchbox searchbar".split())),
    (Kind.ACCOUNT, 4_000, frozenset("login signin signup register logout cart basket wishlist account".split())),
    (Kind.SHARE, 600, frozenset("share sharing sharedaddy addtoany sharethis addthis social socials".split())),
    (Kind.SUBSCRIBE, 2_000, frozenset("newsletter newsletters subscribe mailchimp optin subscription".split())),
    (Kind.COMMENTS, 1_000_000, frozenset("comment comments commentlist disqus respond".split())),
    (Kind.PAYWALL, 2_000, frozenset(("paywall", "regwall"))),
    (Kind.ADVERTISEMENT, 1_500, frozenset("ad ads advert advertisement adslot sponsored outbrain taboola".split())),
    (Kind.READ_MORE, 100, frozenset("readmore moretag".split())),
    (Kind.BYLINE, 1_500, frozenset("byline author dateline postmeta entrymeta posted timestamp".split())),
    (
        Kind.RELATED,
        20_000,
        frozenset("related recommended recommendations trending popular mostread similar recent".split()),
    ),
    (Kind.LEGAL, 2_000, frozenset("copyright imprint impressum".split())),
    (
        Kind.NAVIGATION,
        100_000,
        frozenset("nav navigation navbar menu breadcrumb breadcrumbs sitemap menuitem".split()),
    ),
)
# "consent" names a dialog in this company only; elsewhere it is a tick box in a form.
_CONSENT_COMPANY: Final = frozenset("banner bar manager popup notice modal dialog cmp overlay layer tcf cookie".split())
# Words that tell of what a post is about or of a piece of a shop, whatever stands next to them.
_NO_DIALOG: Final = frozenset("category tag tags recipe recipes post hentry product products".split())
_TAG_RULES: Final[Mapping[str, Kind]] = {
    "nav": Kind.NAVIGATION,
    "noscript": Kind.BROWSER_NOTICE,
    "time": Kind.BYLINE,
}
_LONGEST: Final[Mapping[Kind, int]] = {
    Kind.NAVIGATION: 80, Kind.PAGINATION: 120, Kind.SHARE: 120, Kind.READ_MORE: 60,
    Kind.ADVERTISEMENT: 20,  # boxes called "ad" hold teasers of the site's own more often than not
}  # fmt: skip
_REACH: Final = 10  # elements upwards; farther ones say too little


def weak_kinds(document: Document) -> list[Kind | None]:
    """Return the kind that the markup around each block names, None where it names none.

    Only meant for blocks that the gold calls chrome: an article inside ``class="social"`` is no share bar.
    """
    tree = document.tree
    sizes = _text_sizes(document)
    known: dict[int, Kind | None] = {}
    kinds: list[Kind | None] = []
    for block in document.blocks:
        element, steps, kind = block.element, 0, None
        while element >= 0 and steps < _REACH and kind is None:
            if element not in known:
                known[element] = _kind_of(tree.tags[element], tree.cues[element], sizes[element])
            kind = known[element]
            element, steps = tree.parents[element], steps + 1
        kinds.append(_checked(kind, block.text))
    return kinds


def _checked(kind: Kind | None, text: str) -> Kind | None:
    """Keep a kind only where the block's own text does not speak against it."""
    if kind in (None, Kind.NAVIGATION) and _COPYRIGHT.search(text) and len(text) < 300:
        return None if _CREDIT.match(text) else Kind.LEGAL
    if kind is Kind.BROWSER_NOTICE and not _BROWSER.search(text):
        return None  # forms for readers without scripts
    return None if kind is not None and len(text) > _LONGEST.get(kind, len(text)) else kind


def _text_sizes(document: Document) -> list[int]:
    """Count the characters inside each element."""
    sizes = [0] * len(document.tree.tags)
    for block in document.blocks:
        if block.element >= 0:
            sizes[block.element] += len(block.text)
    for element in range(len(sizes) - 1, 0, -1):
        if (parent := document.tree.parents[element]) >= 0:
            sizes[parent] += sizes[element]
    return sizes


def _kind_of(tag: str, cues: str, size: int) -> Kind | None:
    if tag in ("body", "html", "main", "article"):
        return None
    whole = set(_WORD.findall(cues.lower()))
    words = whole | set(_WORD.findall(_CAPITAL.sub(" ", cues).lower()))
    words -= {"ad", "ads"} - whole  # random letters of generated classes hold an "Ad" now and then
    for kind, most, cue_words in _RULES:
        if size <= most and not words.isdisjoint(cue_words):
            if kind in (Kind.COOKIE_NOTICE, Kind.SUBSCRIBE) and not words.isdisjoint(_NO_DIALOG):
                continue
            return kind
    if "consent" in words and not words.isdisjoint(_CONSENT_COMPANY):
        return Kind.COOKIE_NOTICE
    return _TAG_RULES.get(tag)
