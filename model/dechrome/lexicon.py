"""Cue words that web developers give to classes, ids and roles, by what they are for. Data, no logic.

A cue is one word of an attribute's value after splitting at everything but letters and at capitals:
``class="sidebar-relatedPosts_2"`` holds ``sidebar``, ``related`` and ``posts``. They are features for the model,
not rules. Words of the page's language need no list here: the model learns those from data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dechrome.blocks import Kind

MARKUP_CUES: Final[Mapping[str, frozenset[str]]] = {
    Kind.COOKIE_NOTICE: frozenset(
        "cookie cookies cookiebar cookiebanner cookieconsent cookienotice cookiebot cookielaw cookiescript consent"
        " consents gdpr dsgvo rgpd lgpd ccpa cmp onetrust optanon didomi usercentrics quantcast qc truste trustarc"
        " evidon iubenda borlabs cookieyes cky complianz cmplz klaro tarteaucitron osano termly sp euconsent tcf"
        " cybot cybotcookiebot orejime axeptio cli catapult moove cookieinfo cookiewarning eucookie".split()
    ),
    Kind.NAVIGATION: frozenset(
        "nav navi navigation navbar navlist menu menus submenu megamenu dropdown breadcrumb breadcrumbs crumbs sitemap"
        " toc masthead topbar header hamburger offcanvas skip sidebar sidenav subnav mainnav tabs tab categories"
        " category tags tag tagcloud footer".split()
    ),
    Kind.SHARE: frozenset(
        "share shares sharing shareaholic sharedaddy sharethis addthis addtoany social socials facebook twitter"
        " linkedin whatsapp pinterest telegram reddit tweet like likes follow sns bookmark print".split()
    ),
    Kind.SUBSCRIBE: frozenset(
        "newsletter newsletters subscribe subscription subscriptions signup mailchimp optin mailing rss push"
        " notification notifications".split()
    ),
    Kind.ACCOUNT: frozenset(
        "login signin logout register registration account profile user password auth cart basket wishlist checkout"
        " minicart avatar".split()
    ),
    Kind.COMMENTS: frozenset(
        "comment comments commentlist disqus respond reply replies feedback discussion reviews review guestbook"
        " commenter".split()
    ),
    Kind.RELATED: frozenset(
        "related recommended recommendation recommendations recommend similar more popular trending recent latest"
        " teaser teasers promo outbrain taboola upsell crosssell also readmore mostread suggestions suggested"
        " articles".split()
    ),
    Kind.READ_MORE: frozenset("more readmore continue expand excerpt moretag".split()),
    Kind.PAGINATION: frozenset("pagination pager paging pages paginate paginator next prev previous pagenavi".split()),
    Kind.SEARCH: frozenset("search searchbox searchform searchbar filter filters facet facets sort sorting".split()),
    Kind.LEGAL: frozenset("copyright legal imprint impressum disclaimer terms privacy colophon footer credits".split()),
    Kind.BYLINE: frozenset(
        "author authors byline date dateline published posted publish timestamp time meta metadata postmeta entrymeta"
        " postdate info submitted updated datetime source".split()
    ),
    Kind.ADVERTISEMENT: frozenset(
        "ad ads advert adverts advertisement advertising adsense adslot adunit sponsor sponsored sponsors banner"
        " banners dfp gpt commercial affiliate anzeige werbung publicidad pub".split()
    ),
    Kind.PAYWALL: frozenset("paywall premium piano tp metered subscriber regwall paid".split()),
    Kind.BROWSER_NOTICE: frozenset("noscript javascript outdated browser browserupgrade ie unsupported".split()),
    # Places rather than kinds of chrome.
    "content": frozenset(
        "content article articles body entry post story text maincontent main hentry prose markdown richtext copy"
        " wysiwyg single detail description summary answer question message postbody".split()
    ),
    "aside": frozenset("sidebar aside widget widgets rail secondary complementary right left column".split()),
    "foot": frozenset("footer bottom foot contentinfo colophon".split()),
    "head": frozenset("header top head masthead banner logo brand branding site".split()),
    "list": frozenset(
        "list grid item items card cards tile tiles product products row listing results result feed archive loop"
        " collection catalog".split()
    ),
    "overlay": frozenset("modal popup overlay dialog lightbox tooltip toast drawer flyout alert notice".split()),
    "hidden": frozenset("hidden hide collapse collapsed invisible sr screen reader visually offscreen".split()),
}

# Beginnings of the word for a browser's cookie, lower case, in many languages and scripts; found anywhere in a word,
# since many languages compound.
COOKIE_STEMS: Final = tuple(
    "cookie cooki куки кукі бисквит бисквитк колачињ колачић kolačić kolacic クッキー 쿠키 คุกกี้ कुकी কুকি કૂકી குக்கீ కుకీ ಕುಕೀ"
    " കുക്കി ਕੂਕੀ ਕੁਕੀ කුකී קוקי עוגיות עוגיי كوكي کوکی الارتباط sütik sütit sütike evästei evästee informasjonskaps"
    " infokaps kakor vafrakök fótspor küpsis sīkdat sīkfail slapuk piškot cwci fianán fianain galetes galetas ciastecz"
    " ciasteczk çerez ქუქი թխուկ քուքի ຄຸກກີ ကွတ်ကီး ខូគី biskota печиво виднік viscott testemoni témoins 曲奇 koekie"
    " tracker".split()
)

# Types that pages give themselves in Open Graph and schema.org metadata, in lower case.
PAGE_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "article": frozenset("article newsarticle reportagenewsarticle blogposting blog analysisnewsarticle".split()),
    "product": frozenset("product offer aggregateoffer productgroup og:product individualproduct vehicle".split()),
    "forum": frozenset("discussionforumposting qapage question answer socialmediaposting comment".split()),
    "listing": frozenset("itemlist collectionpage searchresultspage product.group offercatalog".split()),
    "website": frozenset("website webpage organization corporation".split()),
    "business": frozenset("localbusiness service professionalservice store restaurant hotel place".split()),
    "howto": frozenset("recipe howto faqpage course".split()),
    "technical": frozenset("techarticle apireference softwareapplication softwaresourcecode scholarlyarticle".split()),
    "media": frozenset("video videoobject imageobject imagegallery podcastepisode book movie video.other".split()),
    "event": frozenset("event musicevent businessevent educationevent profilepage person profile".split()),
    "breadcrumb": frozenset(("breadcrumblist",)),
}
