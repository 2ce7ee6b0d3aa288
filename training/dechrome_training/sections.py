"""Articles with sections put behind them: readers' comments and teasers of other articles, which are chrome there.

The same words are content in a forum or a listing. The annotated articles have few of either, while forums are full of
posts and listings of teasers; a network that sees only these takes every comment and teaser for content. Sections are
written from templates after the markup of common engines, and without any telling markup, from forum posts and
articles of the same fold or from content phrases of the page's language.
"""

from __future__ import annotations

import html as html_module
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from bs4 import BeautifulSoup
from bs4.element import PageElement

from dechrome.blocks import Kind, Label
from dechrome.html_blocks import split_html
from dechrome.tree_blocks import split_tree
from dechrome_training.align import content_shares, words_of
from dechrome_training.corpus import OWN_SOURCE, AnnotatedPage, Phrase, is_article

_SHARE: Final = 0.6  # of the articles that are written again with a section or two
_LABELS: Final[dict[str, str]] = {
    Kind.COMMENTS: "comment_labels", Kind.RELATED: "related_labels", Kind.READ_MORE: "more_labels",
}  # fmt: skip
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
# A section with {title}, {items} and {form}, and one comment with {name}, {date}, {text}, {reply} and {number}.
_COMMENT_STYLES: Final = (
    (
        '<div id="comments" class="comments-area"><h3 class="comments-title">{title}</h3><ol class="commentlist">'
        "{items}</ol>{form}</div>",
        '<li class="comment even depth-1" id="comment-{number}"><div class="comment-author vcard"><cite>{name}</cite>'
        '</div><div class="comment-meta"><a href="#c{number}">{date}</a></div>{text}<div class="reply"><a href="#">'
        "{reply}</a></div></li>",
    ),
    (
        '<div class="comments" id="comments"><h4>{title}</h4><dl>{items}</dl>{form}</div>',
        '<dt class="comment-author"><a href="#">{name}</a></dt><dd class="comment-body">{text}</dd>'
        '<dd class="comment-footer"><span>{date}</span></dd>',
    ),
    (
        "<div><h2>{title}</h2>{items}{form}</div>",
        "<div><div><b>{name}</b> <span>{date}</span></div><div>{text}</div><a href='#'>{reply}</a></div>",
    ),
    (
        "<h3>{title}</h3><ul>{items}</ul>{form}",
        "<li><table><tr><th>{number}</th><th><a href='#'>{name}</a></th></tr><tr><td></td><td>{text}<p>{date}</p></td>"
        "</tr></table></li>",
    ),
    (
        "<section><p><strong>{title}</strong></p>{items}</section>{form}",
        '<article class="post"><header>{name} <time>{date}</time></header>{text}<footer>{reply}</footer></article>',
    ),
    (
        "<div class='block'>{form}<div class='list'>{items}</div></div>",
        "<div class='item'><p class='who'>{name}, {date}</p>{text}</div>",
    ),
    (
        "<table><tr><td colspan='2'>{title}</td></tr>{items}</table>{form}",
        "<tr><td>{name}<br>{date}</td><td>{text}</td></tr>",
    ),
)


# A section with {title} and {items}, and one teaser with {head}, {date}, {text} and {more}.
_TEASER_STYLES: Final = (
    (
        '<div class="related-posts"><h3>{title}</h3>{items}</div>',
        '<div class="related-item"><h4><a href="#">{head}</a></h4><p>{text}</p></div>',
    ),
    ("<div>{items}</div>", '<div><h2><a href="#">{head}</a></h2><p>{text}</p><p><a href="#">{more}</a></p></div>'),
    ("<h3>{title}</h3><ul>{items}</ul>", '<li><a href="#">{head}</a></li>'),
    ("<div><h2>{title}</h2><ul>{items}</ul></div>", '<li><span>{date}</span><a href="#">{head}</a><p>{text}</p></li>'),
    (
        "<section><h2>{title}</h2>{items}</section>",
        '<article class="card"><a href="#"><img src="x.jpg" alt=""></a><h3><a href="#">{head}</a></h3><p>{text}</p>'
        "<time>{date}</time></article>",
    ),
    (
        "<table>{items}</table>",
        '<tr><td><a href="#"><img src="x.jpg"></a></td><td><a href="#"><b>{head}</b></a><br>{text} '
        '<a href="#">{more}</a></td></tr>',
    ),
    ("<p>{title}</p><div>{items}</div>", '<div><a href="#">{head}</a> {text}</div>'),
)


class Material(NamedTuple):
    """What the sections of one language are written from: whole posts, teasers (head and text), interface texts."""

    posts: list[str]
    teasers: list[tuple[str, str]]
    comment_labels: list[str]
    related_labels: list[str]
    more_labels: list[str]


def extend_articles(pages: Sequence[AnnotatedPage], phrases: Sequence[Phrase], seed: int) -> list[AnnotatedPage]:
    """Write many of the articles among the pages again, with sections behind; gold and fold stay theirs."""
    materials = _collect(pages, phrases)
    found = []
    for page in pages:
        chance = random.Random(f"sections {seed} {page.id}")
        material = materials.get(page.language or "en")
        can_be_extended = page.html and page.gold and is_article(page.page_type)
        if can_be_extended and material is not None and chance.random() < _SHARE:
            write = chance.choice(((write_comments,), (write_teasers,), (write_teasers, write_comments)))
            section = "".join(part(material, chance) for part in write)
            found.append(add_section(page, section, chance))
    return [page for page in found if page is not None]


def write_comments(material: Material, chance: random.Random) -> str:
    """Write a section of comments as HTML."""
    outer, inner = chance.choice(_COMMENT_STYLES)
    items = []
    for number in range(chance.choice(_COUNTS)):
        paragraphs = chance.sample(material.posts, min(len(material.posts), chance.choice((1, 1, 1, 2, 3))))
        items.append(
            inner.format(
                name=chance.choice(_NAMES),
                date=_date(chance),
                text="".join(f"<p>{html_module.escape(text)}</p>" for text in paragraphs),
                reply=_label(material.comment_labels, chance),
                number=number + 1,
            )
        )
    form = "".join(f"<p>{_label(material.comment_labels, chance)}</p>" for _ in range(chance.choice((0, 2, 4))))
    return outer.format(title=_label(material.comment_labels, chance), items="".join(items), form=form)


def write_teasers(material: Material, chance: random.Random) -> str:
    """Write a section of teasers as HTML."""
    outer, inner = chance.choice(_TEASER_STYLES)
    teasers = chance.sample(material.teasers, min(len(material.teasers), chance.choice((3, 5, 8, 20))))
    date, more = _date(chance), _label(material.more_labels, chance)
    items = [
        inner.format(head=html_module.escape(head), text=html_module.escape(text), date=date, more=more)
        for head, text in teasers
    ]
    return outer.format(title=_label(material.related_labels, chance), items="".join(items))


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
    return replace(page, id=f"{page.id}+sections", source=OWN_SOURCE, html=str(soup), domain=page.group)


def _collect(pages: Sequence[AnnotatedPage], phrases: Sequence[Phrase]) -> dict[str, Material]:
    """Gather what sections are written from, for every language that has enough of it."""
    materials: defaultdict[str, Material] = defaultdict(lambda: Material([], [], [], [], []))
    for page in pages:
        lines = [line.strip() for line in (page.gold or "").split("\n") if line.strip()]
        material = materials[page.language or "en"]
        if page.page_type == "forum":
            material.posts.extend(line for line in lines if 20 < len(line) < 900)
        elif is_article(page.page_type) and page.html and len(lines) > 1:
            title = split_html(page.html).title.split(" | ")[0].split(" - ")[0]
            if 15 < len(title) < 150:
                material.teasers.append((title, lines[0][: random.Random(page.id).choice((60, 120, 250))]))
    content: defaultdict[str, list[str]] = defaultdict(list)
    for phrase in phrases:
        material = materials[phrase.language]
        if phrase.label is Label.CONTENT and len(phrase.text) > 20:
            content[phrase.language].append(phrase.text)
        elif phrase.label is Label.CHROME and phrase.kind in _LABELS:
            getattr(material, _LABELS[phrase.kind]).append(phrase.text)
    for language, texts in content.items():
        materials[language].posts.extend(texts)
        materials[language].teasers.extend(zip(texts[::2], texts[1::2], strict=False))
    return {name: found for name, found in materials.items() if len(found.posts) >= 20 and len(found.teasers) >= 10}


def _label(labels: Sequence[str], chance: random.Random) -> str:
    return html_module.escape(chance.choice(labels)) if labels else ""


def _date(chance: random.Random) -> str:
    return chance.choice(_DATES).format(
        year=chance.randint(2005, 2025),
        month=chance.randint(1, 12),
        day=chance.randint(1, 28),
        hour=chance.randint(0, 23),
        minute=chance.randint(0, 59),
    )
