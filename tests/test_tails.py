"""The foreign tail of a content block: where it may begin, how a block is cut, and what the shipped model trims."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dechrome import Kind, Label, LabelledBlock, Model, clean_text, label_html, label_text, load_model
from dechrome.artefact import TAIL_BITS, TAIL_KINDS
from dechrome.blocks import Span
from dechrome.tails import (
    MIN_HEAD,
    NO_LINK,
    UNKNOWN_LINK,
    find_candidates,
    find_tails,
    last_link,
    split_tails,
)

FOX = "The fox ran over the hill and the dog slept on"
SEED = Path(__file__).parent.parent.parent / "shared" / "seed" / "page.txt"


def places(text: str, link: int = UNKNOWN_LINK) -> list[str]:
    """Return what the candidates of one text would cut off."""
    return [text[start:] for start in find_candidates([text], [link]).starts.tolist()]


def make_model(bias: float) -> Model:
    """Return a model whose table says the same of every candidate."""
    table = np.full((1 << TAIL_BITS, len(TAIL_KINDS)), bias, np.float32)
    return Model({}, table, table, table, {"tail_threshold": 0.5})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("la violation de la souveraineté Voir l’article", ["Voir l’article"]),
        (f"{FOX}… read more", ["read more"]),
        (f"{FOX}. Read more »", ["Read more »"]),
        (f"{FOX} (more …)", ["(more …)"]),
        (f"{FOX} → more", ["→ more"]),
        (f"{FOX}, read more", []),
        (f"{FOX}.", []),
        ("Read more", []),
        ("Read more »", []),
        ("", []),
    ],
)
def test_tails_may_begin_at_joints(text: str, expected: list[str]) -> None:
    assert places(text) == expected


def test_tails_may_begin_anywhere_in_scripts_without_spaces_or_capitals() -> None:
    assert "続きを読む" in places("この狐は丘を越えて走り去った続きを読む")
    assert "اقرأ المزيد" in places("ركض الثعلب فوق التل ونام الكلب اقرأ المزيد")


def test_tails_may_begin_where_the_last_link_begins() -> None:
    assert places(f"{FOX}, read more", len(FOX) + 2) == ["read more"]


@given(st.lists(st.text(max_size=90), max_size=4))
def test_candidates_lie_inside_their_texts_whatever_these_are(texts: list[str]) -> None:
    found = find_candidates(texts, [UNKNOWN_LINK] * len(texts))
    for owner, start in zip(found.owners.tolist(), found.starts.tolist(), strict=True):
        assert MIN_HEAD <= start < len(texts[owner])
    assert ((found.grams >= 0) & (found.grams < 1 << TAIL_BITS)).all()


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_candidate_looks_the_same_whatever_texts_stand_beside_it(text: str, other: str) -> None:
    alone, beside = find_candidates([text], [NO_LINK]), find_candidates([other, text], [NO_LINK] * 2)
    np.testing.assert_array_equal(alone.signs[:, :1], beside.signs[beside.owners == 1][:, :1])
    assert alone.starts.tolist() == beside.starts[beside.owners == 1].tolist()


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ((), NO_LINK),
        ((Span(11, 20, "a"),), 11),
        ((Span(0, 5, "a"), Span(11, 18, "a")), 11),
        ((Span(0, 5, "a"),), NO_LINK),
        ((Span(11, 20, "b"),), NO_LINK),
    ],
)
def test_the_last_link_is_the_one_that_the_text_ends_in(spans: tuple[Span, ...], expected: int) -> None:
    assert last_link("A fox ran. Read on »", spans) == expected


def test_a_block_is_cut_into_two_with_offsets_and_spans() -> None:
    text = f"{FOX}… Read more"
    spans = (Span(4, 7, "b"), Span(len(FOX) + 2, len(text), "a", "/x"))
    block = LabelledBlock(text, Label.CONTENT, path="/p", start=10, end=10 + len(text), spans=spans)
    head, tail = split_tails([block], make_model(1.0), is_text=False)
    assert (head.text, head.start, head.end, head.spans) == (f"{FOX}…", 10, 10 + len(FOX) + 1, spans[:1])
    assert (tail.text, tail.label, tail.path, tail.start, tail.end) == ("Read more", Label.CHROME, "/p", 58, block.end)
    assert tail.spans == (Span(0, 9, "a", "/x"),)
    assert tail.kind in TAIL_KINDS
    assert tail.confidence == pytest.approx(tail.probabilities[Label.CHROME])
    assert sum(tail.probabilities.values()) == pytest.approx(1.0)


def test_offsets_of_html_stay_zero() -> None:
    parts = split_tails([LabelledBlock(f"{FOX}… Read more", Label.CONTENT)], make_model(1.0), is_text=False)
    assert [(part.start, part.end) for part in parts] == [(0, 0), (0, 0)]


@pytest.mark.parametrize("label", [Label.CHROME, Label.IMAGE])
def test_only_content_is_cut(label: Label) -> None:
    block = LabelledBlock(f"{FOX}… Read more", label)
    assert split_tails([block], make_model(1.0), is_text=True) == (block,)


def test_nothing_is_cut_where_the_model_is_not_sure() -> None:
    blocks = (LabelledBlock(f"{FOX}… Read more", Label.CONTENT),)
    assert split_tails(blocks, make_model(-1.0), is_text=True) == blocks
    assert split_tails((), make_model(1.0), is_text=True) == ()


@pytest.mark.parametrize(
    ("head", "tail", "kind"),
    [
        ("les “violations de la souveraineté", "Voir l’article en entier", Kind.READ_MORE),
        (f"{FOX}…", "Read more", Kind.READ_MORE),
        (f"{FOX}.", "Continue reading →", Kind.READ_MORE),
        (f"{FOX}.", "Share this article", Kind.SHARE),
        ("Der Fuchs lief über den Hügel und der Hund …", "(Weiterlesen …)", Kind.READ_MORE),
        ("El zorro corrió por la colina y el perro...", "Leer más", Kind.READ_MORE),
        ("Лиса бежала по холму, а собака спала…", "Читать далее »", Kind.READ_MORE),
        ("この狐は丘を越えて走り去ったので犬は眠り続けた…", "続きを読む", Kind.READ_MORE),
        ("ركض الثعلب فوق التل ونام الكلب طويلا...", "اقرأ المزيد", Kind.READ_MORE),
        ("여우는 언덕을 넘어 달려갔고 개는 계속 잠을 잤다...", "계속 읽기", Kind.READ_MORE),
    ],
)
def test_tails_of_many_languages_are_found(head: str, tail: str, kind: Kind) -> None:
    text = f"{head} {tail}"
    found = find_tails([text], [UNKNOWN_LINK], load_model())
    assert {owner: (text[hit.start :], hit.kind) for owner, hit in found.items()} == {0: (tail, kind)}


@pytest.mark.parametrize(
    "text",
    [
        "To send the page to a friend, open the menu and click Share.",
        "On the last page of the book you can read more about the history of the village.",
        "The committee wrote its report. Read more books, it said.",
        "Der Minister sprach am Dienstag über die Lage in der Stadt Berlin",
        "Sie wohnt seit dem Sommer mit ihrem Hund in der Nähe von Hamburg",
        "He asked her what the sign said, and she answered: “Share the Road”",
        "The prize went to the mathematician Emmy Noether",
        "Il habite depuis dix ans dans le sud de la France",
        "The film is based on a novel by Astrid Lindgren (Sweden)",
        "Лиса бежала по холму, а собака спала в тени у реки Волги",
        "この狐は丘を越えて走り去ったので、犬は木の下で眠り続けた。",
        "Share",
        "Read more",
    ],
)
def test_ends_that_look_like_tails_stay(text: str) -> None:
    assert find_tails([text], [UNKNOWN_LINK], load_model()) == {}


def test_without_trim_nothing_changes_and_with_it_no_visible_character_is_lost() -> None:
    text = "\n\n".join((f"{FOX}, and nothing else happened all day.", f"{FOX}, and so on… Read more", FOX))
    plain, trimmed = label_text(text), label_text(text, trim=True)
    assert label_text(text, trim=False) == plain
    assert "".join("".join(b.text for b in trimmed.blocks).split()) == "".join(text.split())
    assert all(text[block.start : block.end] == block.text for block in trimmed.blocks)


def test_a_linked_tail_is_trimmed_from_html() -> None:
    paragraph = f"<p>{FOX}, and in the evening all of them went home again… <a href='/1'>Read more</a></p>"
    page = label_html(f"<article><p>{FOX}, which took all day long.</p>{paragraph}</article>", trim=True)
    assert [block.text for block in page.blocks if block.kind is Kind.READ_MORE] == ["Read more"]
    assert "Read more" not in page.text + page.to_markdown() + page.to_html()


@pytest.mark.skipif(not SEED.exists(), reason="needs ../shared")
def test_the_seed_page_ends_where_its_article_does() -> None:
    text = SEED.read_text(encoding="utf-8")
    assert "Voir l’article en entier" in clean_text(text)
    assert any(line.endswith("de la souveraineté") for line in clean_text(text, trim=True).splitlines())
