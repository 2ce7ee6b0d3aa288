"""Kinds of chrome on pages whose markup is hidden: what the rules name, what the hiding hides, what is measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from dechrome.artefact import KINDS
from dechrome.blocks import Kind, Label
from dechrome.cli import main
from dechrome.features import FEATURE_NAMES, extract_features
from dechrome.html_blocks import split_html
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.evaluation.judging import NAN, JudgedBlocks, Judgement, TextScores
from dechrome_training.evaluation.kind_pages import PER_PAGE, hide_markup, kind_sample, kind_tables
from dechrome_training.evaluation.kind_rules import RULES, known_kinds

ARTICLE = "<p>The fox ran over the hill, and the dog slept on in the sun.</p>"
GOLD = "The fox ran over the hill, and the dog slept on in the sun."


def kind_of(html: str) -> Kind | None:
    """Return the kind of the block "Some words" of a page that has an article, too."""
    document = split_html(f"<body>{html}{ARTICLE}</body>")
    kinds = known_kinds(document, [block.text == GOLD for block in document.blocks])
    return next(kind for block, kind in zip(document.blocks, kinds, strict=True) if "Some words" in block.text)


@pytest.mark.parametrize(
    ("html", "kind"),
    [
        ("<div id=onetrust-banner-sdk><div><p>Some words</div></div>", Kind.COOKIE_NOTICE),
        ("<div id=CybotCookiebotDialog><nav><a>Some words</a></nav></div>", Kind.COOKIE_NOTICE),
        ("<div class='didomi-popup'><p>Some words</div>", Kind.COOKIE_NOTICE),
        ("<nav><ul><li><a>Some words</a></ul></nav>", Kind.NAVIGATION),
        ("<ul role=navigation><li>Some words</ul>", Kind.NAVIGATION),
        ("<nav><div class=addtoany_share_save_container>Some words</div></nav>", Kind.SHARE),
        ("<nav class='pagination'><a>Some words</a></nav>", Kind.PAGINATION),
        ("<div id=respond><h3>Some words</h3></div>", Kind.COMMENTS),
        ("<form role=search class=search-form><label>Some words</label></form>", Kind.SEARCH),
        ("<form id=loginform><label>Some words</label></form>", Kind.ACCOUNT),
        ("<div class=mc4wp-form>Some words</div>", Kind.SUBSCRIBE),
        ("<div id=jp-relatedposts><a>Some words</a></div>", Kind.RELATED),
        ("<div><time>Some words</time></div>", Kind.BYLINE),
        ("<p>© 2021 Some words</p>", Kind.LEGAL),
        ("<form id=loginform><select><option>Some words</select></form>", None),
        ("<div class=cookies><p>Some words</div>", None),
        ("<div class=my-onetrust-article><p>Some words</div>", None),
        ("<p>Some words</p>", None),
        ("<div class=related-posts><div class=share-bar>Some words</div></div>", None),
        (f"<div id=onetrust-banner-sdk><p>Some words</p>{ARTICLE}</div>", None),
        (f"<div class=share-bar>Some words {'and more ' * 40}</div>", None),
    ],
)
def test_markup_names_kinds_beyond_doubt_or_not_at_all(html: str, kind: Kind | None) -> None:
    assert kind_of(html) == kind


def test_every_rule_names_its_kind_by_every_name() -> None:
    for rule in RULES:
        for name in (*rule.names, *rule.beginnings):
            assert name == name.lower()
            assert kind_of(f"<div class='{name.upper()}'>Some words</div>") == rule.kind


def test_content_is_of_no_kind_whatever_is_around_it() -> None:
    document = split_html(f"<nav>{ARTICLE}</nav>")
    assert known_kinds(document, [True]) == [None]


def test_hidden_markup_leaves_blocks_as_they_are_and_no_cue() -> None:
    html = (
        "<nav class=menu id=top aria-label=Main><a href=/>Home</a></nav><main role=main><article>"
        f"<header><time>May</time></header>{ARTICLE}<form data-testid=f><button>Go</button></form></article></main>"
    )
    document = split_html(html)
    hidden = hide_markup(document)
    assert hidden.blocks == document.blocks
    assert not any(hidden.tree.cues)
    assert set(hidden.tree.tags) <= {"html", "head", "body", "div", "span", "a", "p"}
    assert hide_markup(hidden) == hidden
    values = extract_features(hidden).dense
    cues = [index for index, name in enumerate(FEATURE_NAMES) if name.startswith(("cue_", "cues_"))]
    assert cues
    assert not values[:, cues].any()
    assert extract_features(document).dense[:, cues].any()


def test_a_sample_has_the_kinds_of_the_markup_and_the_features_without_it() -> None:
    menu = "".join(f"<li><a>Entry {'abcdefghij'[n % 10]}{'abcdefghij'[n // 10]}x</a>" for n in range(60))
    html = f"<nav><ul>{menu}</ul></nav>{ARTICLE}<div class=sharedaddy>Share this</div>"
    sample = kind_sample(AnnotatedPage("x", "s", html=html, gold=GOLD))
    assert sample
    assert np.bincount(sample.kinds[sample.kinds >= 0], minlength=3)[:3].tolist() == [0, PER_PAGE, 1]
    assert np.array_equal(sample.features.dense, extract_features(hide_markup(split_html(html))).dense)
    assert kind_sample(AnnotatedPage("x", "s", html=ARTICLE, gold=GOLD)) is None
    assert kind_sample(AnnotatedPage("x", "s", html=html)) is None


def judge(source: str, rows: list[tuple[int, int, int, int]]) -> Judgement:
    """Return a judgement by rows of gold label, label, gold kind, kind."""
    gold, found, gold_kinds, kinds = (np.array(column, np.int8) for column in zip(*rows, strict=True))
    ones = np.ones(len(rows))
    blocks = JudgedBlocks(gold, found, gold_kinds, kinds, ones.astype(np.float32), ones.astype(np.int64))
    return Judgement("x", "x.example", source, "html", None, None, TextScores(*[NAN] * 6), 1.0, blocks)


def test_tables_count_pages_hits_and_confusions_apart_by_training() -> None:
    share, navigation = KINDS.index(Kind.SHARE), KINDS.index(Kind.NAVIGATION)
    rows = [
        (2, 2, share, share),
        (2, 2, share, navigation),
        (2, 2, navigation, navigation),
        (2, 2, -1, share),  # of no known kind: not counted
        (0, 2, -1, share),
        (0, 0, -1, -1),
    ]
    seen, unseen = judge("a", rows), judge("b", rows[:1])
    tables = kind_tables([seen, unseen, replace(unseen, id="y")], {"a": 1})
    assert [table.title.split(", markup hidden: ")[1] for table in tables] == [
        "2 pages of sets not trained on",
        "confusion, sets not trained on",
        "1 pages of sets trained on",
        "confusion, sets trained on",
    ]
    by_kind = {row[0]: dict(zip(tables[2].columns, row, strict=True)) for row in tables[2].rows}
    assert (by_kind["share"]["P"], by_kind["share"]["R"]) == (0.5, 0.5)
    assert (by_kind["navigation"]["P"], by_kind["navigation"]["R"]) == (0.5, 1)
    assert (by_kind["mean"]["blocks"], by_kind["mean"]["R"]) == (3, 0.75)
    assert "b 2" in tables[0].note
    confused = {row[0]: dict(zip(tables[3].columns, row, strict=True)) for row in tables[3].rows}
    assert (confused["share"]["share"], confused["share"]["naviga"]) == (1, 1)
    assert (confused[Label.CONTENT]["share"], confused[Label.CONTENT]["conten"]) == (1, 1)
    assert kind_tables([], {})[0].rows == ()


def test_kinds_cannot_be_measured_by_folds_or_view() -> None:
    result = CliRunner().invoke(main, ["evaluate", "--data", ".", "--kinds", "--view", "html"])
    assert result.exit_code == 2
    assert "--kinds takes neither" in result.output
