"""Measuring: evaluation, cross-validation, comparison and profile, on sample pages with stand-ins or a tiny model."""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from dechrome import labelling
from dechrome.artefact import Model, write_model
from dechrome.blocks import Document, Kind, Label, LabelledBlock
from dechrome.cli import main
from dechrome.errors import DataError
from dechrome.pages import Page
from dechrome_training import card, choices, fit
from dechrome_training.corpus import AnnotatedPage, Phrase, assign_folds
from dechrome_training.evaluation import compare, curves, folds, line_rules, selection, stages
from dechrome_training.evaluation.evaluate import evaluate_folds, evaluate_model
from dechrome_training.evaluation.judging import (
    JudgedBlocks,
    Judgement,
    judge_page,
    judge_pages,
    judge_prediction,
    score_text,
)
from dechrome_training.evaluation.peers import HTML_PEERS, LINE_PEERS, is_installed
from dechrome_training.evaluation.phrases import JudgedPhrase, judge_phrases, phrase_tables
from dechrome_training.evaluation.results import measure_rates, page_tables
from dechrome_training.evaluation.sites import site_tables
from dechrome_training.evaluation.tables import Table, format_cell, format_table, to_json
from dechrome_training.fit import Prediction, predict, train
from dechrome_training.label_files import read_labels
from dechrome_training.recipe import Recipe, read_recipe
from dechrome_training.samples import Sample, page_samples, phrase_samples
from dechrome_training.scores import word_scores
from dechrome_training.summary import digest_data, summarise

ROOT = Path(__file__).resolve().parents[1]
LABELS = ROOT / "datasets" / "labels.jsonl"
RECIPE = ROOT / "training" / "recipe.toml"
CHOSEN = ("docs-en-pebble-cookies", "forum-ru-radio", "news-en-harbour", "article-de-cookie-banner")
PHRASES = [
    Phrase("We use cookies", Label.CHROME, "cookie_notice", "en", "a", "MIT"),
    Phrase("Wir nutzen\nCookies", Label.CHROME, "cookie_notice", "de", "a", "MIT"),
    Phrase("Save", Label.CHROME, "cookie_button", "en", "a", "MIT"),
    Phrase("Bake the cookies.", Label.CONTENT, "recipe", "en", "b", "MIT"),
    Phrase("A fox ran.", Label.CONTENT, "heading", "en", "b", "MIT"),
    Phrase("fox.jpg", Label.IMAGE, "image_filename", "und", "c", "MIT"),
    Phrase("Home", Label.CHROME, "navigation", "en", "c", "MIT"),
]


# What the tests work on


def ignore(message: str) -> None:
    """Take a report of progress and do nothing with it."""


@pytest.fixture(scope="module")
def pages() -> list[AnnotatedPage]:
    return [page for page in read_labels(LABELS) if page.id in CHOSEN]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    shipped = read_recipe(RECIPE)
    tiny = replace(shipped.draft, members=1, hidden=(8,), epochs=2)
    return replace(shipped, folds=2, draft=tiny, labels=tiny, kinds=tiny, iterations=5, kind_iterations=3)


@pytest.fixture(scope="module")
def samples(pages: list[AnnotatedPage]) -> tuple[list[Sample], list[int]]:
    found = [sample for page in pages for sample in page_samples(page, ("html", "lines"))]
    found += phrase_samples(PHRASES)
    return found, assign_folds([sample.group for sample in found], [1.0] * len(found), 2)


@pytest.fixture(scope="module")
def trained(samples: tuple[list[Sample], list[int]], recipe: Recipe) -> tuple[Model, list[Prediction]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is not to converge
        fitted = train(*samples, recipe, ignore)
    return fitted.model, fitted.predictions


@pytest.fixture(scope="module")
def model_folder(trained: tuple[Model, list[Prediction]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    write_model(folder, trained[0])
    return folder


@pytest.fixture(scope="module")
def model(model_folder: Path) -> Model:
    return labelling.load_model(model_folder)


Decide = Callable[[str], tuple[Label, Kind | None]]


def stand_in(decide: Decide) -> Callable[..., Iterator[Page]]:
    """Return what labels every block by its text alone, with confidence 0.75."""

    def label_pages(sources: Iterable[labelling.Source], model: object = None, **options: Any) -> Iterator[Page]:
        for document in map(labelling.read_source, list(sources)):
            yield label_document(document)

    def label_document(document: Document) -> Page:
        decided = [(block.text, *decide(block.text)) for block in document.blocks]
        blocks = tuple(LabelledBlock(text, label, kind, 0.75, {label: 0.75}) for text, label, kind in decided)
        return Page(blocks, quality=0.5, source_text=document.source_text)

    return label_pages


def oracle(page: AnnotatedPage, view: str) -> Decide:
    """Return what gives the gold labels of a page's blocks, or lines, one after the other."""
    by_line = view == "lines" and page.html is not None
    answers = iter(
        [
            (block.label, block.kind)
            for block in page.blocks
            for part in (block.text.split("\n") if by_line else [block.text])
            if part.strip() and block.label is not None
        ]
    )
    return lambda text: next(answers)


def row_of(tables: Sequence[Table], title: str, name: str) -> dict[str, Any]:
    (table,) = (table for table in tables if title in table.title)
    (row,) = (row for row in table.rows if row[0] == name)
    return dict(zip(table.columns, row, strict=True))


# Scores of pages and blocks


def test_scores_are_not_known_without_gold() -> None:
    known = score_text("A fox ran.", "A fox ran.", ["fox"], [])
    assert known[:5] == (1, 1, 1, 1, 1)
    assert math.isnan(known.must_not)
    assert all(map(math.isnan, score_text("A fox ran.", None, [], [])))


def test_rates_count_by_weight() -> None:
    gold, found = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert measure_rates(gold, found, np.array([3, 1, 6, 9])) == pytest.approx((3 / 9, 3 / 4, 6 / 13))
    assert all(map(math.isnan, measure_rates(gold[:0], found[:0], np.array([], np.int64))))


@pytest.mark.parametrize("view", ["html", "lines"])
def test_a_labelling_without_fault_scores_1_throughout(
    pages: list[AnnotatedPage], view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in pages:
        monkeypatch.setattr(labelling, "label_pages", stand_in(oracle(page, view)))
        tables = page_tables(list(judge_pages([page], None, view)), view)
        assert row_of(tables, "text", "all")["word F1"] == 1
        assert row_of(tables, "text", "all")["shingle F1"] == 1
        for title in ("by label", "by kind"):
            (table,) = (table for table in tables if title in table.title)
            assert all(row[2:5] == (1, 1, 1) and row[6:] == (1, 1, 1) for row in table.rows if row[1]), table
        assert row_of(tables, "confidence", "share of blocks labelled right")["value"] == 1
        assert row_of(tables, "confidence", "expected calibration error of confidence")["value"] == pytest.approx(0.25)
        assert row_of(tables, "confidence", "mean quality")["value"] == 0.5


def test_keeping_everything_finds_all_and_calls_no_chrome(
    pages: list[AnnotatedPage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelling, "label_pages", stand_in(lambda text: (Label.CONTENT, None)))
    judgements = list(judge_pages(pages, None))
    tables = page_tables(judgements, "html")
    assert row_of(tables, "text", "all")["pages"] == len(CHOSEN)
    assert row_of(tables, "text", "all")["word R"] == 1
    gold = [block for page in pages for block in page.blocks]
    share = sum(block.label is Label.CONTENT for block in gold) / len(gold)
    by_label = row_of(tables, "by label", "content")
    assert (by_label["P"], by_label["R"]) == (pytest.approx(share), 1)
    assert row_of(tables, "by label", "chrome")["R"] == 0
    assert row_of(tables, "by kind", "cookie_notice")["R"] == 0
    assert {row[0] for row in tables[0].rows} >= {"all", "type article", "language de", "type documentation"}


def test_pages_without_gold_are_scored_by_their_snippets(model: Model) -> None:
    page = AnnotatedPage("x", "s", html="<p>A fox ran over the hill.<p>Home", must_have=("fox",), must_not=("home",))
    (judgement,) = judge_pages([page], model)
    assert math.isnan(judgement.scores.f1)
    assert not math.isnan(judgement.scores.must_have)
    assert not list(judge_pages([page], model, "lines"))
    assert row_of(page_tables([judgement], "html"), "text", "all")["pages"] == 1


@pytest.mark.parametrize("html", ["", "\0<p>a\0b\ud800", "<p>" * 5000 + "x", "%PDF-1.4 \x01\x02"])
def test_hostile_pages_are_judged(html: str, model: Model) -> None:
    assert len(list(judge_pages([AnnotatedPage("x", "s", html=html, gold="x")], model))) == 1
    assert page_tables([], "html")[0].rows == ()


def test_predictions_are_judged_as_labelled_pages_are(pages: list[AnnotatedPage], model: Model) -> None:
    for page in pages:
        (sample,) = page_samples(page, ("html",))
        by_interface, *rest = judge_pages([page], model)
        (prediction,) = predict(model, [sample])
        by_prediction = judge_prediction(prediction, model.settings)
        assert not rest
        assert by_prediction.scores == pytest.approx(by_interface.scores, nan_ok=True)
        assert by_prediction.quality == pytest.approx(by_interface.quality, abs=1e-5)
        for name in JudgedBlocks._fields:
            column, other = getattr(by_prediction.blocks, name), getattr(by_interface.blocks, name)
            assert np.allclose(column, other, atol=1e-5), (page.id, name)


def test_training_twice_gives_the_same_bytes(
    samples: tuple[list[Sample], list[int]], recipe: Recipe, model_folder: Path, tmp_path: Path
) -> None:
    model = train(*samples, recipe, ignore).model
    write_model(tmp_path, model)
    for name in ("model.json", "weights.npz"):
        assert (tmp_path / name).read_bytes() == (model_folder / name).read_bytes()


def test_a_page_cut_otherwise_than_its_sample_is_no_match(pages: list[AnnotatedPage]) -> None:
    with pytest.raises(ValueError, match="zip"):
        judge_page(page_samples(pages[0])[0], Page())


# Phrases


def judged_phrases() -> list[JudgedPhrase]:
    cookie = (Label.CHROME, Kind.COOKIE_NOTICE)
    answers: list[tuple[Label, Kind | None]] = [
        cookie, (Label.CONTENT, None), (Label.CHROME, Kind.OTHER), cookie, (Label.CONTENT, None), (Label.IMAGE, None),
        cookie,
    ]  # fmt: skip
    return [JudgedPhrase(phrase, *answer) for phrase, answer in zip(PHRASES, answers, strict=True)]


@pytest.mark.parametrize(
    ("measure", "rows", "value"),
    [
        ("image F1", 1, 1),
        ("cookie_notice precision", 3, 1 / 3),
        ("cookie_notice recall", 2, 1 / 2),
        ("cookie_button recall", 1, 0),
        ("content called cookie_notice", 2, 1 / 2),
    ],
)
def test_cookie_notices_and_images_among_phrases(measure: str, rows: int, value: float) -> None:
    row = row_of(phrase_tables(judged_phrases()), "images and cookie notices", measure)
    assert (row["of rows"], row["value"]) == (rows, pytest.approx(value))


def test_phrases_by_class_language_and_false_alarms() -> None:
    tables = phrase_tables(judged_phrases())
    assert row_of(tables, "by label and kind", "chrome")["R"] == pytest.approx(3 / 4)
    assert row_of(tables, "by label and kind", "chrome cookie_notice")["rows"] == 3  # buttons are of that kind, too
    notices = row_of(tables, "own kinds", "chrome cookie_notice")
    assert (notices["languages"], notices["of them >= 0.95"], notices["label right"]) == (2, 1, 1 / 2)
    assert row_of(tables, "own kinds", "chrome navigation")["kind right"] == 0
    assert row_of(tables, "false alarms", "all")["cookie_notice"] == 1 / 2
    assert row_of(tables, "false alarms", "heading")["chrome"] == 0
    assert phrase_tables([])[0].rows == ()


def test_phrases_are_labelled_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelling, "label_pages", stand_in(lambda text: (Label.CHROME, Kind.LEGAL)))
    blank = Phrase(" \n", Label.CONTENT, "heading", "en", "b", "MIT")
    rows = list(judge_phrases([*PHRASES, blank], None))
    assert [row.phrase for row in rows] == [*PHRASES, blank]
    assert {(row.label, row.kind) for row in rows[:-1]} == {(Label.CHROME, Kind.LEGAL)}
    assert rows[-1].label is None


# Cross-validation


def test_folds_measure_pages_and_phrases_that_the_model_has_not_seen(
    samples: tuple[list[Sample], list[int]], recipe: Recipe, trained: tuple[Model, list[Prediction]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    seen: list[Recipe] = []

    def build_samples(recipe: Recipe, *rest: object) -> tuple[list[Sample], list[int]]:
        seen.append(recipe)
        return samples

    monkeypatch.setattr(folds, "build_samples", build_samples)
    monkeypatch.setattr(fit, "cross_validate", lambda *arguments: (trained[1], trained[0].settings))
    validation = folds.cross_validate(RECIPE, ROOT, 3, None, ignore)
    assert seen[0].folds == 3
    assert sorted(j.id for j in validation.judge_pages("html")) == sorted(set(CHOSEN) - {"article-de-cookie-banner"})
    assert sorted(j.id for j in validation.judge_pages("lines")) == sorted(CHOSEN)
    assert not validation.judge_pages("html", ["wcxb-dev"])
    assert [row.phrase for row in validation.judge_phrases(PHRASES)] == PHRASES
    tables = evaluate_folds(RECIPE, ROOT, 3, ["labels"], None, None, ignore)
    assert row_of(tables, "html, 3 folds: text", "all")["pages"] == 3
    assert row_of(tables, "lines, 3 folds: text", "all")["pages"] == 4


def test_folds_need_the_folder_of_the_corpora() -> None:
    with pytest.raises(DataError, match="folder of the corpora"):
        evaluate_folds(RECIPE, LABELS, 2, [], None, None, ignore)


# Which pages


def test_sets_are_found_by_file_folder_and_name(tmp_path: Path) -> None:
    for name in ("a.parquet", "b.parquet", "phrases.parquet", "labels.jsonl", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in selection.find_sets([tmp_path])] == ["a.parquet", "b.parquet", "labels.jsonl"]
    assert [path.stem for path in selection.find_sets([tmp_path], ["phrases", "a"])] == ["a", "phrases"]
    assert selection.find_sets([tmp_path / "phrases.parquet"]) == [tmp_path / "phrases.parquet"]
    with pytest.raises(DataError, match="no set named c"):
        selection.find_sets([tmp_path], ["a", "c"])
    with pytest.raises(DataError, match=r"notes\.txt"):
        selection.find_sets([tmp_path / "notes.txt"])
    with pytest.raises(DataError, match="holds no set"):
        selection.find_sets([ROOT / "tests"])


@given(st.integers(0, 60), st.integers(1, 70))
def test_a_limit_spreads_pages_evenly(count: int, limit: int) -> None:
    chosen = list(selection.spread(iter(range(count)), count, limit))
    assert len(chosen) == min(count, limit)
    steps = np.diff(chosen)
    assert not steps.size or steps.max() - steps.min() <= 1


def test_a_limit_takes_as_many_pages() -> None:
    assert [page.id for page in selection.read_set(LABELS, 2)] == ["article-de-cookie-banner", "listing-nl-wandelblog"]


# What training says of itself


@pytest.fixture(scope="module")
def summary(
    trained: tuple[Model, list[Prediction]], samples: tuple[list[Sample], list[int]], recipe: Recipe
) -> dict[str, Any]:
    model, predictions = trained
    renamed = [replace(p, sample=replace(p.sample, source="wcxb-dev")) for p in predictions]
    return summarise(renamed, model.settings, samples[0], recipe)


def test_a_summary_has_scores_by_view_group_label_kind_preset_and_threshold(summary: dict[str, Any]) -> None:
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    for view in ("html", "lines"):
        scores = summary["scores"][view]
        assert set(scores) == {
            "words", "shingle_f1", "calibration_error", "quality_rank_correlation", "labels", "kinds", "sets",
            "languages", "favor", "curve",
        }  # fmt: skip
        assert scores["favor"]["balanced"]["f1"] == pytest.approx(scores["words"]["all"]["f1"], abs=1e-4)
        assert [point["threshold"] for point in scores["curve"]] == list(curves.THRESHOLDS)
        recalls = [point["recall"] for point in scores["curve"]]
        assert recalls == sorted(recalls, reverse=True)
        assert set(scores["labels"]) >= {"content", "chrome"}
    assert {"image_f1", "labels", "kinds"} <= set(summary["scores"]["phrase"])


def test_a_digest_of_the_data_changes_with_the_gold(trained: tuple[Model, list[Prediction]]) -> None:
    first, *rest = trained[1]
    assert digest_data([first, *rest]) == digest_data([*rest, first])
    changed = replace(first, sample=replace(first.sample, view="html", gold="other"))
    assert digest_data([changed, *rest]) != digest_data([first, *rest])


@given(
    st.lists(st.text(alphabet="ab c\n", max_size=8), min_size=1, max_size=6),
    st.text(alphabet="abd ", max_size=12),
    st.integers(0, 63),
)
def test_words_of_chosen_blocks_are_scored_as_their_text_is(texts: list[str], gold: str, bits: int) -> None:
    keep = np.array([bool(bits >> index & 1) for index in range(len(texts))])
    found = "\n".join(text for text, kept in zip(texts, keep, strict=True) if kept)
    assert choices.word_rates(choices.number_words(texts, gold), keep) == pytest.approx(word_scores(found, gold))


def test_a_card_is_written_from_the_summary_alone_and_is_the_same_every_time(
    summary: dict[str, Any], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    written = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert card.write_card(tmp_path / name, json.loads(json.dumps(summary, sort_keys=name == "b")))
        written.append([(tmp_path / name / file).read_bytes() for file in ("README.md", "curve.svg")])
    assert written[0] == written[1]
    text = written[0][0].decode()
    assert "](curve.svg)" in text
    assert f"| all | 3 | {summary['scores']['html']['words']['all']['precision']:.3f} |" in text
    assert "Other extractors" not in text
    for table in (part for part in text.split("\n\n") if part.startswith("|")):
        assert len({line.count("|") for line in table.split("\n")}) == 1, table


def test_without_matplotlib_a_card_has_the_table_alone(
    summary: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert not card.write_card(tmp_path, summary)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "curve.svg" not in text
    assert "| 0.95 |" in text


def test_a_card_has_the_extractors_that_a_comparison_measured(
    summary: dict[str, Any], model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "peers.json"
    tools = ("--tools", "everything", "--json", out)
    assert run("compare", "--model", model_folder, "--data", LABELS, "--limit", 6, *tools).exit_code == 0
    tables = card.read_peers(out)
    assert {table["title"] for table in tables} == {
        "html: accuracy", "html: word F1 by page type", "html: word F1 by language"
    }  # fmt: skip
    text = card.format_card(json.loads(json.dumps({**summary, "peers": tables}, sort_keys=True)), with_plot=False)
    assert "| extractor | pages | word P |" in text
    assert "## Other extractors" in text
    assert "| everything |" in text
    assert "| dechrome |" not in text.split("## Other extractors")[1]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"command": "evaluate", "tables": []}', '{"tables": [{"title": 1}]}']
)
def test_what_is_no_comparison_is_refused_as_one(text: str, tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"peers\.json: not what dechrome compare --json writes"):
        card.read_peers(path)


def test_every_set_of_the_shipped_recipe_has_its_licence_in_the_card() -> None:
    assert {*read_recipe(RECIPE).sets, "phrases", "dechrome"} <= set(card.SOURCES)


# Site memory


def test_training_fits_what_recurrence_on_a_site_is_worth(
    samples: tuple[list[Sample], list[int]], recipe: Recipe
) -> None:
    """The same pages, said to be of two sites."""
    found, _ = samples
    sites = {name: f"site{number % 2}" for number, name in enumerate(sorted({sample.group for sample in found}))}
    moved = [replace(sample, group=sites[sample.group]) for sample in found]
    folds = [int(sample.group[-1]) for sample in moved]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is not to converge
        first, second = (train(moved, folds, recipe, ignore)[0].settings for _ in range(2))
    assert first["site_strength"] == second["site_strength"]
    assert set(first["site_strength"]) == {"html", "text"}
    sizes = Counter(sample.group for sample in moved if sample.view == "html")
    assert first["site_scores"]["html"]["pages"] == sum(size for size in sizes.values() if size > 1) > 0
    assert first["site_scores"]["html"]["with"] >= first["site_scores"]["html"]["without"]


@pytest.mark.parametrize("view", ["html", "lines"])
def test_pages_are_scored_with_and_without_their_site(pages: list[AnnotatedPage], model: Model, view: str) -> None:
    known = replace(model, settings={**model.settings, "site_strength": {"html": 4.0, "text": 4.0}})
    together = [replace(page, domain="one.example") for page in pages]
    (table,) = site_tables(together, known, view)
    rows = {row[0]: row[1:] for row in table.rows}
    assert set(rows) <= {"labels", "labels 2-4", "labels 5-9", "labels 10+"}
    count, alone, known_site, gain = rows["labels"]
    assert isinstance(count, int)
    assert count > 1
    assert gain == pytest.approx(float(known_site) - float(alone))
    (nothing,) = site_tables([replace(page, domain=page.id) for page in pages], known, view)
    assert nothing.rows == ()


def test_pieces_are_judged_as_pages_of_their_own(pages: list[AnnotatedPage], model: Model) -> None:
    whole = {judgement.id: judgement for judgement in judge_pages(pages, model)}
    pieces = list(judge_pages(pages, model, "piece"))
    assert pieces
    assert all(piece.id.rsplit("+", 1)[0] in whole for piece in pieces)
    assert all(0 < len(piece.blocks.labels) < 20 for piece in pieces)
    assert all((piece.blocks.gold_labels >= 0).all() for piece in pieces)
    assert run("evaluate", "--data", LABELS, "--view", "piece", "--sites").exit_code == 2


def test_sites_are_measured_by_the_command(model_folder: Path) -> None:
    result = run("evaluate", "--data", LABELS, "--model", model_folder, "--sites")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("Site memory, html")
    assert run("evaluate", "--data", LABELS, "--sites", "--kinds").exit_code == 2


# Comparison


def test_a_comparison_counts_scores_times_and_failures(pages: list[AnnotatedPage]) -> None:
    gold = {compare.make_input(page, "html").html: page.gold or "" for page in pages}

    def fail(page: object) -> str:
        raise RuntimeError("no idea")

    tools = {"dechrome": lambda page: gold[page.html], "broken": fail, "silent": lambda page: ""}
    html = [page for page in pages if page.html is not None]
    attempts = compare.compare_tools(html, "html", tools)
    tables = compare.compare_tables(attempts, "html")
    assert row_of(tables, "accuracy", "dechrome")["word F1"] == 1
    assert row_of(tables, "accuracy", "broken")["failed"] == row_of(tables, "accuracy", "broken")["pages"] == 3
    assert row_of(tables, "accuracy", "silent")["failed"] == 0
    assert row_of(tables, "accuracy", "silent")["word F1"] == row_of(tables, "accuracy", "broken")["word F1"] == 0
    assert row_of(tables, "page type", "dechrome")["forum"] == 1
    assert row_of(tables, "CPU time", "dechrome")["times dechrome"] == 1
    assert row_of(tables, "CPU time", "silent")["ms mean"] >= 0


def test_a_comparison_groups_by_language_and_takes_snippets_together() -> None:
    greek, polish = (
        AnnotatedPage(language, "s", html=f"<p>{text}<p>Home", language=language, gold=gold, must_have=(text,),
                      must_not=("home",))
        for language, text, gold in (("el", "Μια αλεπού έτρεξε.", "Μια αλεπού έτρεξε."), ("pl", "Lis biegł.", ""))
    )  # fmt: skip
    attempts = compare.compare_tools([greek, greek, polish], "html", {"first": lambda page: "Μια αλεπού έτρεξε."})
    tables = compare.compare_tables(attempts, "html")
    assert [table.title for table in tables] == [
        "html: accuracy",
        "html: word F1 by language",
        "html: CPU time per page",
    ]
    assert row_of(tables, "by language", "first") == {"extractor": "first", "el": 1, "pl": 0}
    assert row_of(tables, "by language", "pages") == {"extractor": "pages", "el": 2, "pl": 1}
    assert row_of(tables, "accuracy", "first")["margin"] == pytest.approx(2 / 3)


def test_tools_are_chosen_by_name(model: Model) -> None:
    assert list(compare.choose_tools("lines", ["c4", "everything"], model)) == ["dechrome", "c4", "everything"]
    assert {"dechrome", "everything"} <= set(compare.choose_tools("html", [], model))
    with pytest.raises(DataError, match=r"no extractor named c5 for lines: there are dechrome, c4-lines"):
        compare.choose_tools("lines", ["c5"], model)
    if not is_installed("rs_trafilatura"):
        with pytest.raises(DataError, match="rs-trafilatura: not installed"):
            compare.choose_tools("html", ["rs-trafilatura"], model)


@pytest.mark.parametrize("name", HTML_PEERS)
def test_extractors_keep_the_article(name: str, pages: list[AnnotatedPage]) -> None:
    if not is_installed(HTML_PEERS[name].module):
        pytest.skip(f"{HTML_PEERS[name].module} is not installed")
    (page,) = (page for page in pages if page.id == "news-en-harbour")
    found = HTML_PEERS[name].extract(compare.make_input(page, "html"))
    assert score_text(found, page.gold, (), ()).recall > 0.7


@pytest.mark.parametrize("name", LINE_PEERS)
def test_line_filters_keep_lines_of_the_page(name: str, pages: list[AnnotatedPage]) -> None:
    if not is_installed(LINE_PEERS[name].module):
        pytest.skip(f"{LINE_PEERS[name].module} is not installed")
    (page,) = (page for page in pages if page.id == "news-en-harbour")
    page_input = compare.make_input(page, "lines")
    found = LINE_PEERS[name].extract(page_input)
    assert set(found.split("\n")) <= {" ".join(line.split()) for line in page_input.lines.split("\n")}
    assert score_text(found, page.gold, (), ()).f1 > 0.5


LONG = "The fox ran over the hill. It was late. It hid there."


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("The fox ran over the hill", ""),
        ("The fox ran over the hill...", ""),
        ("A fox ran far.", ""),
        ("The fox ran over the hill [12].", "The fox ran over the hill ."),
        ("You must enable JavaScript for the hill.", ""),
        ("This hill and its fox use cookies daily.", ""),
        ("Lorem ipsum dolor sit amet fox.", ""),
        ("The fox ran over {the} hill!", ""),
        ("Did the fox say “hill” or “mill” then?", "Did the fox say “hill” or “mill” then?"),
    ],
)
def test_line_rules_of_c4(line: str, kept: str) -> None:
    assert line_rules.filter_c4(f"Home\n{LONG}\n{line}", drop_pages=False) == "\n".join(
        [LONG, *([kept] if kept else [])]
    )


def test_page_rules_of_c4() -> None:
    assert line_rules.filter_c4(f"{LONG}\nThe fox ran over {{the}} hill!", drop_pages=True) == ""
    assert line_rules.filter_c4(f"{LONG}\nThe {{fox", drop_pages=True) == LONG  # a line that goes anyway
    assert line_rules.filter_c4("The fox ran over the hill. It hid.", drop_pages=True) == ""


def test_lines_of_a_comparison_are_the_blocks_of_the_page() -> None:
    page = AnnotatedPage("x", "s", html="<nav>Home</nav><p>A <b>fox</b> ran.")
    assert compare.make_input(page, "lines").lines == "Home\nA fox ran."
    text = AnnotatedPage("x", "s", text="Home\n\nA fox ran.")
    assert compare.make_input(text, "lines").lines == "Home\n\nA fox ran."


def test_text_pages_are_not_compared_as_html() -> None:
    html = list(compare.read_comparable([LABELS], [], "html", None))
    assert (len(html), all(page.html is not None for page in html)) == (26, True)
    assert len(list(compare.read_comparable([LABELS], [], "lines", None))) == 40


def test_a_comparison_without_pages_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").touch()
    with pytest.raises(DataError, match="no pages"):
        list(compare.read_comparable([tmp_path], [], "html", None))


# Profile


def test_the_profile_names_every_stage_and_the_start(
    pages: list[AnnotatedPage], model: Model, model_folder: Path
) -> None:
    data = [compare.make_input(page, "html").html for page in pages]
    by_stage, start = stages.profile_tables(data, model, model_folder)
    rows = {str(row[0]): row for row in by_stage.rows}
    assert list(rows) == list(stages.Stages._fields)
    assert rows["total"][3] == 1
    means = {name: float(row[1]) for name, row in rows.items()}
    parts = list(rows)[: list(rows).index("labels")]
    assert sum(means[name] for name in parts) == pytest.approx(means["labels"])
    assert means["labels"] + means["blocks"] == pytest.approx(means["total"])
    assert [row[0] for row in start.rows][-1] == "import and first page"
    assert all(float(row[1]) > 0 for row in start.rows)


def test_a_start_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)first page failed.*ModelError"):
        stages.start_table(b"<p>x", tmp_path)


# Tables


def test_tables_are_aligned() -> None:
    table = Table("Title", ("name", "pages", "F1"), (("all", 1322, 0.86194), ("中", 3, math.nan)), "A note.")
    assert format_table(table) == "Title\nname  pages     F1\nall   1,322  0.862\n中         3      -\nA note."


@pytest.mark.parametrize(
    ("cell", "text"), [("x", "x"), (1000, "1,000"), (0.5, "0.500"), (12.34, "12.3"), (0.0, "0.000")]
)
def test_cells(cell: str | int | float, text: str) -> None:
    assert format_cell(cell) == text


def test_json_has_null_for_what_is_not_known() -> None:
    data = json.loads(to_json([Table("T", ("name", "F1"), (("all", math.nan),))], {"folds": None}))
    assert data == {"folds": None, "tables": [{"title": "T", "note": "", "rows": [{"name": "all", "F1": None}]}]}


# Commands


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_evaluate_prints_all_tables_and_writes_them_as_json(model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    result = run("evaluate", "--model", model_folder, "--data", LABELS, "--limit", 4, "--json", out)
    assert result.exit_code == 0, result.output
    for title in ("text by pages", "blocks by label", "blocks by kind", "confidence"):
        assert f"html: {title}" in result.output
    data = json.loads(out.read_text(encoding="utf-8"))
    assert (data["command"], data["limit"], len(data["tables"])) == ("evaluate", 4, 4)


def test_evaluate_measures_phrases_beside_pages(model: Model, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{name: str(getattr(phrase, name)) for name in Phrase.__slots__} for phrase in PHRASES]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "phrases.parquet")
    tables = evaluate_model(model, [tmp_path / "phrases.parquet", LABELS], [], "html", 3, lambda pages: pages)
    assert [table.title for table in tables if "images and cookie" in table.title] == [
        "phrases: images and cookie notices"
    ]
    assert row_of(tables, "false alarms", "all")["rows"] <= 2
    assert row_of(tables, "text by pages", "all")["pages"] == 3


def test_compare_prints_accuracy_and_times(model_folder: Path) -> None:
    arguments = ("--model", model_folder, "--data", LABELS, "--limit", 3, "--tools", "c4-lines", "--view", "lines")
    result = run("compare", *arguments)
    assert result.exit_code == 0, result.output
    assert "lines: accuracy" in result.output
    assert "times dechrome" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--recipe", RECIPE, "--data", ROOT / "tests", "--out", "{tmp}/m"), "wcxb-dev.parquet"),
        (("evaluate", "--data", ROOT / "nowhere"), "does not exist"),
        (("evaluate", "--model", ROOT / "tests", "--data", LABELS), "model.json"),
        (("evaluate", "--data", LABELS, "--folds", "2"), "--folds and --recipe go together"),
        (("evaluate", "--data", ROOT, "--folds", "2", "--recipe", RECIPE, "--limit", "3"), "neither"),
        (("evaluate", "--data", LABELS, "--folds", "1", "--recipe", RECIPE), "--folds"),
        (("compare", "--model", "{model}", "--data", LABELS, "--tools", "c5"), "no extractor named c5"),
        (("compare", "--model", "{model}", "--data", ROOT / "tests"), "holds no set"),
    ],
)
def test_commands_refuse_what_they_cannot_do(
    arguments: tuple[object, ...], message: str, model_folder: Path, tmp_path: Path
) -> None:
    filled = [str(argument).format(tmp=tmp_path, model=model_folder) for argument in arguments]
    result = run(*filled)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["train", "evaluate", "compare"])
def test_help_has_examples_and_exit_codes(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"dechrome {command} --" in result.output
    assert "Exit codes" in result.output


def test_train_hands_its_arguments_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[object, ...]] = []
    monkeypatch.setattr("dechrome_training.training.run_training", lambda *arguments: seen.append(arguments))
    result = run("train", "--recipe", RECIPE, "--data", ROOT / "datasets", "--out", tmp_path / "m", "--quiet")
    assert result.exit_code == 0, result.output
    assert seen[0][:4] == (RECIPE, ROOT / "datasets", tmp_path / "m", None)
    assert seen[0][5] is None
    given_peers = ("--peers", LABELS)
    run("train", "--recipe", RECIPE, "--data", ROOT / "datasets", "--out", tmp_path / "m", "--quiet", *given_peers)
    assert seen[1][5] == LABELS


def test_judgements_are_small(pages: list[AnnotatedPage], model: Model) -> None:
    """A run over thousands of pages keeps no features."""
    (judgement, *_) = judge_pages(pages[:1], model)
    assert isinstance(judgement, Judgement)
    assert sum(column.nbytes for column in judgement.blocks) <= 24 * judgement.blocks.labels.size
