"""Kinds of chrome that markup names beyond doubt: stricter than the weak labels of training, for testing alone.

Consent managers, share plugins and content systems mark their parts by names of their own. An element that holds any
content says nothing, whatever it is called; a block inside elements that name different kinds has none, nor has a
choice of a list, such as a country.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from dechrome.blocks import Document, Kind, Tree


class Rule(NamedTuple):
    """What names a kind: a class, id or role by its whole ``names`` or its ``beginnings``, or a tag.

    Blocks longer than ``longest`` characters are none of the kind.
    """

    kind: Kind
    names: frozenset[str]
    beginnings: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    longest: int = 2_000


def _rule(kind: Kind, names: str, beginnings: str = "", tags: str = "", longest: int = 2_000) -> Rule:
    return Rule(kind, frozenset(names.split()), tuple(beginnings.split()), frozenset(tags.split()), longest)


RULES: Final = (
    _rule(
        Kind.COOKIE_NOTICE,
        "cookie-notice cookie-law-info-bar cookiebanner cookie-banner cookie-bar cookiebar cookie-consent cookieconsent"
        " cookie-message cookie-alert sliding-popup cc-window cc-banner cookiechoiceinfo gdpr-banner"
        " ccpa-opt-out pea_cook_wrapper fc-consent-root",
        "onetrust optanon ot-sdk cybotcookiebot didomi- qc-cmp sp_message cky- cmplz- borlabscookie brlbs- usercentrics"
        " truste- trustarc evidon- _evidon klaro iubenda-cs wt-cli cli-modal clisettings cn-notice moove_gdpr"
        " moove-gdpr eu-cookie-compliance termly tarteaucitron osano-cm cookiefirst hs-eu-cookie ctcc catapult-cookie"
        " axeptio cmpbox sqs-cookie shopify-pc__",
        longest=20_000,
    ),
    _rule(
        Kind.SHARE,
        "sharedaddy sharethis share-buttons share-bar sharebar social-share share-links share-tools sharetools"
        " social-sharing sharing-buttons twitter-share-button fb-like fb-share-button google_plusone jp-sharing-input",
        "addtoany a2a_ sd-sharing sd-social addthis_ at-share st_facebook st_twitter st_sharethis ssba heateor essb_"
        " mashsb swp_ shareaholic simplesocialbuttons",
        longest=150,
    ),
    _rule(
        Kind.SUBSCRIBE,
        "newsletter newsletter-signup newsletter-form newsletter-block newsletter_signup newslettersignup"
        " newsletter-subscribe email-signup jetpack_subscription_widget subscribe-form signup-form-newsletter",
        "mc4wp mc_embed mailpoet ctct-form klaviyo tnp- convertkit",
        longest=500,
    ),
    _rule(
        Kind.ACCOUNT,
        "loginform login-form login_form loginbox login-box user-login user-login-form navbar_loginform"
        " widget_login woocommerce-mini-cart mini-cart minicart cart-contents add_to_cart_button",
        longest=300,
    ),
    _rule(
        Kind.COMMENTS,
        "respond comment-form commentform comment-respond comment-list commentlist comments-area disqus_thread"
        " comment-body comment-reply-link add-comment comments-form leave-comment",
        longest=20_000,
    ),
    _rule(
        Kind.RELATED,
        "related-posts relatedposts related_posts related-articles relatedarticles related-stories relatedstories"
        " related-content most-read mostread most-popular mostpopular trending-posts popular-posts popularposts"
        " recent-posts widget_recent_entries similar-posts up-sells upsells",
        "yarpp jp-relatedposts outbrain ob-widget taboola trc_ crp_related rp4wp zem_rp wp_rp nrelate linkwithin",
        longest=1_000,
    ),
    _rule(Kind.READ_MORE, "more-link read-more readmore moretag read-more-link", longest=60),
    _rule(
        Kind.PAGINATION,
        "pagination pager page-numbers wp-pagenavi nav-previous nav-next post-navigation posts-navigation",
        longest=150,
    ),
    _rule(
        Kind.SEARCH,
        "searchform search-form search_form search-box searchbox search-block-form site-search search-field"
        " search-submit widget_search header-search search-bar searchbar",
        "gsc-",
        longest=150,
    ),
    _rule(Kind.LEGAL, "copyright copyrights copy-right site-copyright footer-copyright", longest=500),
    _rule(
        Kind.BYLINE,
        "byline by-line author-name posted-on entry-date post-date dateline article-date published-date post-author"
        " article-author entry-author articlebyline pubdate",
        tags="time",
        longest=250,
    ),
    _rule(
        Kind.ADVERTISEMENT,
        "adsbygoogle advertisement ad-label ad-slot adslot ad-container ad-wrapper google-ad googlead banner-ad"
        " advert sponsored-content sponsored-links",
        "google_ads div-gpt-ad dfp-ad",
        longest=500,
    ),
    _rule(Kind.PAYWALL, "paywall regwall paywall-container piano-inline tp-container-inner subscription-required"),
    _rule(
        Kind.BROWSER_NOTICE,
        "browsehappy browserupgrade browser-upgrade chromeframe browser-warning outdated-browser unsupported-browser"
        " no-js-warning noscript-warning",
        longest=500,
    ),
    _rule(
        Kind.NAVIGATION,
        "navigation breadcrumb breadcrumbs main-navigation site-navigation main-menu primary-menu menu-item skip-link"
        " navbar-nav",
        tags="nav",
        longest=150,
    ),
)
_LETTERS: Final = re.compile(r"[^\W\d_]{2}|[\u3040-\u9fff\uac00-\ud7af]")
_COPYRIGHT: Final = re.compile(r"\s*(?:copyright\b|©|\(c\)\s).{0,80}\b(?:19|20)\d\d\b", re.I | re.S)
_MOST_COPYRIGHT: Final = 200  # characters of a line that is a copyright notice and no more


def known_kinds(document: Document, is_content: Sequence[bool]) -> list[Kind | None]:
    """Return the kind of chrome that the markup around each block names beyond doubt, None elsewhere.

    ``is_content`` is what the gold says of every block: elements that hold content name nothing.
    """
    tree = document.tree
    holds = _holding(document, is_content)
    own = [
        _rules_of(tag, cues) if not held else frozenset()
        for tag, cues, held in zip(tree.tags, tree.cues, holds, strict=True)
    ]
    named = _inherit(own, tree)
    return [
        None
        if content or block.element < 0 or tree.tags[block.element] == "option"
        else _decide(named[block.element], block.text)
        for block, content in zip(document.blocks, is_content, strict=True)
    ]


def _decide(rules: frozenset[Rule], text: str) -> Kind | None:
    """Choose among what the elements around a block name: consent is of one kind throughout, menus hold others."""
    kinds = {rule.kind for rule in rules}
    if not _LETTERS.search(text):
        return Kind.PAGINATION if kinds - {Kind.NAVIGATION} == {Kind.PAGINATION} else None
    if Kind.COOKIE_NOTICE in kinds:
        kinds = {Kind.COOKIE_NOTICE}
    elif _COPYRIGHT.match(text) and len(text) <= _MOST_COPYRIGHT:
        return Kind.LEGAL
    elif len(kinds) > 1:
        kinds.discard(Kind.NAVIGATION)
    if len(kinds) != 1:
        return None
    (kind,) = kinds
    return kind if all(len(text) <= rule.longest for rule in rules if rule.kind is kind) else None


def _rules_of(tag: str, cues: str) -> frozenset[Rule]:
    names = cues.lower().split()
    return frozenset(
        rule
        for rule in RULES
        if tag in rule.tags or any(name in rule.names or name.startswith(rule.beginnings or "\0") for name in names)
    )


def _holding(document: Document, is_content: Sequence[bool]) -> list[bool]:
    """Tell of each element whether it holds content."""
    holds = [False] * len(document.tree.tags)
    for block, content in zip(document.blocks, is_content, strict=True):
        element = block.element
        while content and element >= 0 and not holds[element]:
            holds[element] = True
            element = document.tree.parents[element]
    return holds


def _inherit(own: Sequence[frozenset[Rule]], tree: Tree) -> list[frozenset[Rule]]:
    """Add to each element's rules those of the elements around it; parents come before what they hold."""
    named: list[frozenset[Rule]] = []
    for rules, parent in zip(own, tree.parents, strict=True):
        above = named[parent] if parent >= 0 else frozenset()
        named.append(above | rules if rules else above)
    return named
