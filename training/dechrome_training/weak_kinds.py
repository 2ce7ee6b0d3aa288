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
# Words in an element's class, id or role that settle the kind of chrome inside; the nearest element decides, and
# within one element the earlier row.
_RULES: Final[tuple[tuple[Kind, frozenset[str]], ...]] = (
    (
        Kind.COOKIE_NOTICE,
        frozenset(
            "cookie cookies cookiebar cookiebanner cookieconsent cookienotice cookiebot cookielaw consent gdpr onetrust"
            " optanon didomi usercentrics truste trustarc cmplz cybot cky klaro".split()
        ),
    ),
    (Kind.PAGINATION, frozenset("pagination pager paging paginator pagenavi".split())),
    (Kind.SEARCH, frozenset("search searchform searchbox searchbar".split())),
    (Kind.SHARE, frozenset("share sharing sharedaddy addtoany sharethis addthis social socials".split())),
    (Kind.SUBSCRIBE, frozenset("newsletter newsletters subscribe mailchimp optin subscription".split())),
    (Kind.ACCOUNT, frozenset("login signin register logout cart basket wishlist account".split())),
    (Kind.COMMENTS, frozenset("comment comments commentlist disqus respond".split())),
    (Kind.PAYWALL, frozenset(("paywall", "regwall"))),
    (Kind.ADVERTISEMENT, frozenset("ad ads advert advertisement adslot sponsored outbrain taboola".split())),
    (Kind.READ_MORE, frozenset("readmore moretag".split())),
    (Kind.BYLINE, frozenset("byline author dateline postmeta entrymeta posted timestamp".split())),
    (
        Kind.RELATED,
        frozenset("related recommended recommendations trending popular mostread similar recent".split()),
    ),
    (Kind.LEGAL, frozenset("copyright imprint impressum".split())),
    (Kind.NAVIGATION, frozenset("nav navigation navbar menu breadcrumb breadcrumbs sitemap menuitem".split())),
)
_TAG_RULES: Final[Mapping[str, Kind]] = {
    "nav": Kind.NAVIGATION,
    "noscript": Kind.BROWSER_NOTICE,
    "time": Kind.BYLINE,
}
_REACH: Final = 10  # elements upwards; farther ones say too little


def weak_kinds(document: Document) -> list[Kind | None]:
    """Return the kind that the markup around each block names, None where it names none.

    Only meant for blocks that the gold calls chrome: an article inside ``class="social"`` is no share bar.
    """
    tree = document.tree
    known: dict[int, Kind | None] = {}
    kinds: list[Kind | None] = []
    for block in document.blocks:
        element, steps, kind = block.element, 0, None
        while element >= 0 and steps < _REACH and kind is None:
            if element not in known:
                known[element] = _kind_of(tree.tags[element], tree.cues[element])
            kind = known[element]
            element, steps = tree.parents[element], steps + 1
        if kind in (None, Kind.NAVIGATION) and _COPYRIGHT.search(block.text) and len(block.text) < 300:
            kind = Kind.LEGAL
        kinds.append(kind)
    return kinds


def _kind_of(tag: str, cues: str) -> Kind | None:
    if tag in ("body", "html", "main", "article"):
        return None
    words = set(_WORD.findall(_CAPITAL.sub(" ", cues).lower())) if cues else set()
    for kind, cue_words in _RULES:
        if not words.isdisjoint(cue_words):
            return kind
    return _TAG_RULES.get(tag)
