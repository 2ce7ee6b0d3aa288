"""Articles and short texts: networks of their own, gates that lead to them, and retraining that goes on from there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dechrome.adapting import adapt_model, measure_shares, measure_shares_of_pages, move_network
from dechrome.artefact import LABELS, Model, Network, read_model, write_model
from dechrome.inference import predict_proba
from dechrome.labelling import Source, explain_source, label_html, label_pages
from dechrome_training.corpus import read_own_pages
from dechrome_training.fit import steady, train
from dechrome_training.label_files import read_labels
from dechrome_training.networks import Lesson, fit_narrowed, fit_network
from dechrome_training.recipe import NetworkRecipe, Recipe, read_recipe
from dechrome_training.retraining.gating import starting_network
from dechrome_training.retraining.rows import PageRows, measure_rows
from dechrome_training.samples import Sample, page_samples, short_samples

ROOT = Path(__file__).resolve().parents[1]
SHORT = ROOT / "datasets" / "short_pages"


def ignore(message: str) -> None:
    """Take a report of progress and do nothing with it."""


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    shipped = read_recipe(ROOT / "training" / "recipe.toml")
    tiny = replace(shipped.draft, members=2, hidden=(8,), epochs=2, alpha=0.01)
    articles = replace(shipped.articles, least_pages=5, regularisation=10.0)
    short_texts = replace(shipped.short_texts, least_pages=5)
    small = replace(shipped, draft=tiny, labels=tiny, kinds=tiny, iterations=5, kind_iterations=3)
    return replace(small, folds=2, articles=articles, short_texts=short_texts)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    pages = [page for page in read_labels(ROOT / "datasets" / "labels.jsonl") if page.html]
    return [sample for page in pages for sample in page_samples(page, ("html", "lines"))]


@pytest.fixture(scope="module")
def model(samples: list[Sample], recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folds = [number % 2 for number in range(len(samples))]
    place = tmp_path_factory.mktemp("articles")
    write_model(place, train(samples, folds, recipe, ignore).model)
    return read_model(place)


@pytest.fixture(scope="module")
def rows(model: Model, samples: list[Sample]) -> list[PageRows]:
    return [page for page in measure_rows(model, samples) if page.head == "html"]


def test_html_pages_with_an_article_get_weights_of_their_own(model: Model, rows: list[PageRows]) -> None:
    assert {"html_own0", "html_gate0"} <= set(model.heads)
    assert not {"text_own0", "text_gate0", "kind_own0"} & set(model.heads)
    shares = np.array([measure_shares(model, "html", page.inputs, page.lengths)[0] for page in rows])
    is_article = np.array([page.page_type == "article" for page in rows])
    assert shares[is_article].mean() > shares[~is_article].mean() + 0.2


def test_the_weights_of_a_page_lie_between_those_for_all_and_those_for_articles(model: Model) -> None:
    assert adapt_model(model, (0.0,)).heads["html"] is model.heads["html"]
    for share in (0.25, 1.0):
        found = adapt_model(model, (share,)).heads["html"].members[0][0][0]
        wide, narrow = (model.heads[name].members[0][0][0] for name in ("html", "html_own0"))
        assert found == pytest.approx(wide + share * (narrow - wide), abs=1e-6)
        assert np.abs(narrow - wide).max() > 1e-3


def test_pages_labelled_together_are_labelled_as_alone(model: Model, samples: list[Sample]) -> None:
    pages = [f"<h1>A walk</h1><p>{' '.join(s.texts)}</p><ul><li><a href=x>Home</a></ul>" for s in samples[::6]]
    for page, found in zip(pages, label_pages([Source(html=page) for page in pages], model), strict=True):
        alone = label_html(page, model=model)
        assert [b.label for b in found.blocks] == [b.label for b in alone.blocks]
        assert [b.confidence for b in found.blocks] == pytest.approx([b.confidence for b in alone.blocks], abs=1e-5)
    assert explain_source(Source(html=pages[0]), model)[1]


def test_the_shares_of_a_page_do_not_depend_on_the_pages_beside_it(model: Model, rows: list[PageRows]) -> None:
    starts = np.cumsum([0, *(len(page.lengths) for page in rows)])[:-1].tolist()
    inputs, lengths = (np.concatenate([getattr(page, name) for page in rows]) for name in ("inputs", "lengths"))
    together = measure_shares_of_pages(model, "html", inputs, lengths, starts)
    assert together == [measure_shares(model, "html", page.inputs, page.lengths) for page in rows]
    assert len(set(together)) > 1


def test_a_gate_that_is_sure_gives_no_warning(model: Model, rows: list[PageRows]) -> None:
    (layer,), *_ = model.heads["html_gate0"].members
    for offset, share in ((-500.0, 0.0), (500.0, 1.0)):
        sure = replace(model.heads["html_gate0"], members=(((layer[0], np.array((-offset, offset), np.float32)),),))
        page = rows[0]
        found = replace(model, heads={**model.heads, "html_gate0": sure})
        with np.errstate(over="raise", invalid="raise"):
            assert measure_shares(found, "html", page.inputs, page.lengths) == (share,)


def test_with_few_pages_of_a_sort_all_pages_have_the_same_weights(samples: list[Sample], recipe: Recipe) -> None:
    alike = [replace(sample, page_type=None) for sample in samples]
    folds = [number % 2 for number in range(len(samples))]
    assert "html_own0" not in train(alike, folds, recipe, ignore).model.heads


def test_texts_of_a_few_lines_get_weights_of_their_own(samples: list[Sample], recipe: Recipe) -> None:
    short = [sample for sample in short_samples(list(read_own_pages(SHORT))[:20], []) if sample.view == "short"]
    pages = [*samples, *short]
    model = train(pages, [number % 2 for number in range(len(pages))], recipe, ignore).model
    assert {"text_own0", "text_gate0"} <= set(model.heads)
    texts = [page for page in measure_rows(model, pages) if page.head == "text"]
    shares = np.array([measure_shares(model, "text", page.inputs, page.lengths)[0] for page in texts])
    is_short = np.array([len(page.lengths) < 20 for page in texts])
    assert shares[is_short].mean() > shares[~is_short].mean() + 0.2


def test_retraining_goes_on_from_the_weights_that_the_users_pages_have(model: Model, rows: list[PageRows]) -> None:
    shares = [measure_shares(model, "html", page.inputs, page.lengths)[0] for page in rows[:6]]
    expected = move_network(model.heads["html"], model.heads["html_own0"], float(np.mean(shares)))
    found = starting_network(model, "html", rows[:6])
    assert found.members[0][0][0] == pytest.approx(expected.members[0][0][0], abs=1e-6)


# The network that goes on with some of the rows


def toy() -> tuple[np.ndarray, np.ndarray, np.ndarray, NetworkRecipe]:
    """Return inputs, labels (0 content, 2 chrome) and which rows are narrow: there, the second column decides."""
    random = np.random.default_rng(3)
    inputs = random.normal(size=(600, 4)).astype(np.float32)
    some = np.arange(600) % 3 == 0
    targets = np.where(np.where(some, inputs[:, 1], inputs[:, 0]) > 0, 0, 2).astype(np.int8)
    return inputs, targets, some, NetworkRecipe(2, (8,), 0.001, 0.02, 0.9, 10, 64)


def accuracy(network: Network, inputs: np.ndarray, targets: np.ndarray) -> float:
    return float((predict_proba(network, inputs).argmax(axis=1) == targets).mean())


def test_a_narrowed_network_knows_the_rows_it_went_on_with_better() -> None:
    inputs, targets, some, recipe = toy()
    lesson = Lesson(inputs, np.arange(600), targets, np.ones(600, np.float32), len(LABELS))
    with steady():
        wide, narrow = fit_narrowed(lesson, recipe, some.astype(np.float32), 10)
        alone = fit_network(lesson, recipe)
    for layers, other in zip(wide.members, alone.members, strict=True):
        for (weights, biases), (same, offsets) in zip(layers, other, strict=True):
            np.testing.assert_array_equal(weights, same)
            np.testing.assert_array_equal(biases, offsets)
    assert accuracy(narrow, inputs[some], targets[some]) > accuracy(wide, inputs[some], targets[some]) + 0.1
    assert accuracy(narrow, inputs[some], targets[some]) > 0.9


def test_a_network_is_not_narrowed_to_rows_that_lack_a_class() -> None:
    inputs, targets, _, recipe = toy()
    lesson = Lesson(inputs, np.arange(600), targets, np.ones(600, np.float32), len(LABELS))
    with steady(), pytest.raises(ValueError, match="class"):
        fit_narrowed(lesson, recipe, (targets == 0).astype(np.float32), 1)
