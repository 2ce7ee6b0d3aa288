"""Articles with readers' comments put behind them: chrome there, though the same words are content in a forum.

The annotated articles hardly have any comments, and forums are full of posts; a network that sees only these takes
every comment for content. The sections are written from templates after the markup of common blog engines and without
any telling markup, with posts of forum pages of the same fold or with content phrases of the page's language.
"""

from __future__ import annotations

import html as html_module
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from bs4 import BeautifulSoup
from bs4.element import PageElement

from dechrome.blocks import Kind, Label
from dechrome.tree_blocks import split_tree
from dechrome_training.align import content_shares, words_of
from dechrome_training.corpus import OWN_SOURCE, AnnotatedPage, Phrase

_SHARE: Final = 0.5  # of the articles that are written again with comments
_COUNTS: Final = (1, 2, 4, 8, 15, 30)
_NAMES: Final = (
    "Anna", "Tom B.", "mike77", "Sabine", "J. Rossi", "Petra K", "guest", "Anonymous", "El Gato", "Dr. Who", "luisa_m",
    "Иван", "Ольга П.", "王小明", "さくら", "Jean-Luc", "Karin", "old_timer", "Νίκος", "Paweł", "Marta", "reader1965",
)  # fmt: skip
_DATES: Final = (
    "{day}.{month:02}.{year} {hour:02}:{minute:02}", "{year}-{month:02}-{day:02}",
    "{month}/{day}/{year}, {hour}:{minute:02}", "{day}/{month:02}/{year}",
    "{year}年{month}月{day}日 {hour}:{minute:02}", "",
)  # fmt: skip
# A section with {title}, {posts} and {form}, and one post with {name}, {date}, {text}, {reply} and {number}.
_STYLES: Final = (
    (
        '<div id="comments" class="comments-area"><h3 class="comments-title">{title}</h3><ol class="commentlist">'
        "{posts}</ol>{form}</div>",
        '<li class="comment even depth-1" id="comment-{number}"><div class="comment-author vcard"><cite>{name}</cite>'
        '</div><div class="comment-meta"><a href="#c{number}">{date}</a></div>{text}<div class="reply"><a href="#">'
        "{reply}</a></div></li>",
    ),
    (
        '<div class="comments" id="comments"><h4>{title}</h4><dl>{posts}</dl>{form}</div>',
        '<dt class="comment-author"><a href="#">{name}</a></dt><dd class="comment-body">{text}</dd>'
        '<dd class="comment-footer"><span>{date}</span></dd>',
    ),
    (
        "<div><h2>{title}</h2>{posts}{form}</div>",
        "<div><div><b>{name}</b> <span>{date}</span></div><div>{text}</div><a href='#'>{reply}</a></div>",
    ),
    (
        "<h3>{title}</h3><ul>{posts}</ul>{form}",
        "<li><table><tr><th>{number}</th><th><a href='#'>{name}</a></th></tr><tr><td></td><td>{text}<p>{date}</p></td>"
        "</tr></table></li>",
    ),
    (
        "<section><p><strong>{title}</strong></p>{posts}</section>{form}",
        '<article class="post"><header>{name} <time>{date}</time></header>{text}<footer>{reply}</footer></article>',
    ),
    (
        "<div class='block'>{form}<div class='list'>{posts}</div></div>",
        "<div class='item'><p class='who'>{name}, {date}</p>{text}</div>",
    ),
    (
        "<table><tr><td colspan='2'>{title}</td></tr>{posts}</table>{form}",
        "<tr><td>{name}<br>{date}</td><td>{text}</td></tr>",
    ),
)


def commented_pages(pages: Sequence[AnnotatedPage], phrases: Sequence[Phrase], seed: int) -> list[AnnotatedPage]:
    """Write half of the articles among the pages again, with comments; gold and folds stay theirs."""
    posts = _posts_by_language(pages, phrases)
    labels: dict[str, list[str]] = {}
    for phrase in phrases:
        if phrase.label is Label.CHROME and phrase.kind in (Kind.COMMENTS, "comments_ui"):
            labels.setdefault(phrase.language, []).append(phrase.text)
    found = []
    for page in pages:
        chance = random.Random(f"comments {seed} {page.id}")
        language = page.language or "en"
        is_article = page.html and page.gold and page.page_type in (None, "article")
        if is_article and language in posts and chance.random() < _SHARE:
            section = write_section(posts[language], labels.get(language) or labels.get("en", []), chance)
            found.append(add_section(page, section, chance))
    return [page for page in found if page is not None]


def write_section(posts: Sequence[str], labels: Sequence[str], chance: random.Random) -> str:
    """Write a section of comments as HTML."""
    outer, inner = chance.choice(_STYLES)
    written = []
    for number in range(chance.choice(_COUNTS)):
        paragraphs = chance.sample(posts, min(len(posts), chance.choice((1, 1, 1, 2, 3))))
        written.append(
            inner.format(
                name=chance.choice(_NAMES),
                date=_date(chance),
                text="".join(f"<p>{html_module.escape(text)}</p>" for text in paragraphs),
                reply=html_module.escape(_label(labels, chance)),
                number=number + 1,
            )
        )
    form = "".join(f"<p>{html_module.escape(_label(labels, chance))}</p>" for _ in range(chance.choice((0, 2, 4))))
    title = html_module.escape(_label(labels, chance))
    return outer.format(title=title, posts="".join(written), form=form)


def add_section(page: AnnotatedPage, section: str, chance: random.Random) -> AnnotatedPage | None:
    """Put the section behind the last of the page's content, inside or outside of what is around it."""
    soup = BeautifulSoup(page.html or "", "html.parser")
    document, nodes = split_tree(soup)
    texts = [block.text for block in document.blocks]
    shares = content_shares(texts, page.gold or "")
    content = [i for i, share in enumerate(shares) if share > 0.8 and len(words_of(texts[i])) >= 12]
    if not content:
        return None
    place: PageElement = nodes[content[-1]][-1].node
    for _ in range(chance.choice((1, 2, 3, 4))):
        if place.parent is None or place.parent.name in ("body", "html", "[document]"):
            break
        place = place.parent
    place.insert_after(*list(BeautifulSoup(section, "html.parser").contents))
    return replace(page, id=f"{page.id}+comments", source=OWN_SOURCE, html=str(soup), domain=page.group)


def _posts_by_language(pages: Sequence[AnnotatedPage], phrases: Sequence[Phrase]) -> Mapping[str, list[str]]:
    posts: dict[str, list[str]] = {}
    for page in pages:
        if page.gold and page.page_type == "forum":
            lines = (line.strip() for line in page.gold.split("\n"))
            posts.setdefault(page.language or "en", []).extend(line for line in lines if 20 < len(line) < 900)
    for phrase in phrases:
        if phrase.label is Label.CONTENT and len(phrase.text) > 20:
            posts.setdefault(phrase.language, []).append(phrase.text)
    return {language: texts for language, texts in posts.items() if len(texts) >= 20}


def _label(labels: Sequence[str], chance: random.Random) -> str:
    return chance.choice(labels) if labels else ""


def _date(chance: random.Random) -> str:
    return chance.choice(_DATES).format(
        year=chance.randint(2005, 2025),
        month=chance.randint(1, 12),
        day=chance.randint(1, 28),
        hour=chance.randint(0, 23),
        minute=chance.randint(0, 59),
    )
