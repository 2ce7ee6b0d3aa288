"""Articles written again with comments and teasers behind: where these go, what they are made of; gold stays."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from dechrome.blocks import Kind
from dechrome.html_blocks import split_html
from dechrome_training.corpus import OWN_SOURCE, AnnotatedPage, read_own_phrases
from dechrome_training.samples import page_samples
from dechrome_training.sections import Material, add_section, extend_articles, write_comments, write_teasers

PHRASES = list(read_own_phrases(Path(__file__).resolve().parents[1] / "datasets" / "phrases"))
STORY = [
    f"On day {day} the lighthouse keeper climbed all of the stairs twice and wrote down what he saw of the sea."
    for day in ("one", "two", "three", "four")
]
ARTICLE = AnnotatedPage(
    "news/1",
    "news",
    html="<html><head><title>The keeper of the old lighthouse</title></head><body><nav><a href='/'>Home</a></nav>"
    f"<main><div>{''.join(f'<p>{text}</p>' for text in STORY)}</div></main><footer>© The Gazette</footer></body>",
    domain="gazette.example",
    language="en",
    gold="\n\n".join(STORY),
)
MATERIAL = Material(
    posts=["I was there <b>too</b>.", "So was I & my dog."],
    teasers=[("A bridge opens", "It is long."), ("A bridge closes", "It was short.")],
    comment_labels=["2 comments"],
    related_labels=["More stories"],
    more_labels=["Read on"],
)


def extend(*pages: AnnotatedPage, seeds: int = 12) -> list[AnnotatedPage]:
    return [found for seed in range(seeds) for found in extend_articles(pages, PHRASES, seed)]


def test_sections_stand_behind_the_article_and_are_no_content() -> None:
    written = extend(ARTICLE)
    assert 3 <= len(written) < 12  # some of the seeds leave the page out
    for page in written:
        assert (page.source, page.gold, page.group) == (OWN_SOURCE, ARTICLE.gold, ARTICLE.group)
        sample = page_samples(page, ("html",))[0]
        places = [sample.texts.index(text) for text in STORY]
        assert (sample.shares[places] == 1).all()
        added = [i for i, text in enumerate(sample.texts) if text not in (*STORY, "Home", "© The Gazette")]
        assert added
        assert min(added) > max(places)
        assert (sample.shares[added] < 0.5).all()


def test_the_same_seed_writes_the_same_pages_and_another_one_others() -> None:
    assert extend(ARTICLE) == extend(ARTICLE)
    assert len({page.html for page in extend(ARTICLE)}) > 1


@pytest.mark.parametrize(
    "page",
    [
        replace(ARTICLE, page_type="forum"),
        replace(ARTICLE, gold=None),
        replace(ARTICLE, html=None, text="A fox ran."),
        replace(ARTICLE, language="tlh"),
        replace(ARTICLE, gold="Nothing of this stands on the page, not a word of it, whatever one looks for."),
    ],
    ids=["forum", "no gold", "text", "no material in the language", "gold of another page"],
)
def test_what_is_no_article_or_cannot_be_extended_is_left_out(page: AnnotatedPage) -> None:
    assert extend(page) == []


def test_posts_of_forums_are_what_comments_are_made_of() -> None:
    posts = [f"My own lamp number {number} went out in the storm as well." for number in range(30)]
    forum = AnnotatedPage("forum/1", "forum", html="<p>x</p>", page_type="forum", language="xx", gold="\n".join(posts))
    others = [replace(ARTICLE, id=f"news/{n}", language="xx", gold=f"{STORY[0]}\n{STORY[1]}") for n in range(12)]
    pages = [page for seed in range(12) for page in extend_articles([forum, *others], [], seed)]
    texts = {block.text for page in pages for block in split_html(page.html or "").blocks}
    assert set(posts) & texts


@pytest.mark.parametrize("seed", range(30))
def test_text_is_escaped_and_every_item_is_written(seed: int) -> None:
    chance = random.Random(seed)
    comments = [block.text for block in split_html(write_comments(MATERIAL, chance)).blocks]
    assert any("I was there <b>too</b>." in text or "So was I & my dog." in text for text in comments)
    teasers = "\n".join(block.text for block in split_html(write_teasers(MATERIAL, chance)).blocks)
    assert "A bridge opens" in teasers
    assert "A bridge closes" in teasers


def test_a_section_goes_behind_the_last_paragraph_wherever_it_is_put() -> None:
    for seed in range(8):
        page = add_section(ARTICLE, "<p>2 comments</p><p>So was I.</p>", random.Random(seed))
        assert page is not None
        texts = [block.text for block in split_html(page.html or "").blocks]
        assert texts == ["Home", *STORY, "2 comments", "So was I.", "© The Gazette"]


def test_markup_that_names_comments_gives_their_kind() -> None:
    kinds = {
        Kind(list(Kind)[number])
        for page in extend(ARTICLE, seeds=40)
        for number in page_samples(page, ("html",))[0].kinds
        if number >= 0
    }
    assert {Kind.COMMENTS, Kind.RELATED} <= kinds
