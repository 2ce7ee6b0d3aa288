"""Why a block was labelled as it was: contributions that add up, exact where the network is linear."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from dechrome import explaining, judging
from dechrome.artefact import Model, Network
from dechrome.context import FloatArray
from dechrome.explaining import attribute, content_logit, contribute, explain_inputs
from dechrome.features import INPUT_NAMES, extract_features
from dechrome.inference import CLIP, final_inputs
from dechrome.labelling import Source, explain_source, label_html, label_text, load_model, read_source
from dechrome.refining import DRAFT_NAMES

PAGES: Final = Path(__file__).parent.parent / "datasets" / "pages"
HTML: Final = (PAGES / "news-en-harbour.html").read_bytes()
TEXT: Final = (PAGES / "news-ru-most.txt").read_bytes()
NAMES: Final = (*INPUT_NAMES, *DRAFT_NAMES)


def make_network(seed: int, sizes: Sequence[int], members: int = 1) -> Network:
    """Return a random network, drawn as training starts; ``sizes`` are its inputs, hidden layers and outputs."""
    random = np.random.default_rng(seed)
    layers = tuple(
        tuple(
            (
                (random.normal(size=(rows, columns)) / np.sqrt(rows)).astype(np.float32),
                random.normal(size=columns).astype(np.float32),
            )
            for rows, columns in pairwise(sizes)
        )
        for _ in range(members)
    )
    mean = random.normal(size=sizes[0]).astype(np.float32)
    return Network(mean, random.uniform(0.5, 2, sizes[0]).astype(np.float32), layers)


def draw_inputs(network: Network, seed: int, count: int) -> FloatArray:
    """Return random inputs of which none is clipped."""
    random = np.random.default_rng(seed)
    standard = random.uniform(-0.9 * CLIP, 0.9 * CLIP, (count, network.mean.size))
    return (standard / network.scale + network.mean).astype(np.float32)


def assert_adds_up(network: Network, inputs: FloatArray, tolerance: float = 0.02) -> None:
    """Check that contributions add up to the distance from the average block; the tolerance is of the largest one."""
    totals = attribute(network, inputs).sum(axis=1)
    distances = content_logit(network, inputs) - content_logit(network, network.mean[None])
    np.testing.assert_allclose(totals, distances, atol=tolerance * float(np.abs(distances).max()))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("sizes", "members"), [((6, 3), 1), ((20, 16, 3), 1), ((20, 16, 3), 5), ((12, 16, 8, 3), 2)])
def test_contributions_add_up_to_the_distance_from_the_average_block(
    seed: int, sizes: Sequence[int], members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explaining, "_STEPS", 400)  # so few hidden units make a coarse function
    network = make_network(seed, sizes, members)
    assert_adds_up(network, draw_inputs(network, seed + 100, 30), tolerance=0.005)


@pytest.mark.parametrize("source", [Source(html=HTML), Source(text=TEXT)], ids=["html", "text"])
def test_contributions_of_the_model_add_up(source: Source) -> None:
    model, document = load_model(), read_source(source)
    head = "text" if document.is_text else "html"
    inputs = final_inputs(model, head, [extract_features(document)])
    assert_adds_up(model.heads[head], inputs)
    direct = attribute(model.heads[head], inputs).sum(axis=1)
    np.testing.assert_allclose(contribute(model, head, inputs).sum(axis=1), direct, atol=1e-2)


@pytest.mark.parametrize("seed", range(3))
def test_what_the_draft_says_of_a_block_is_put_down_to_what_the_draft_was_made_of(seed: int) -> None:
    """Where the final network reads nothing but the draft, the draft's reasons are the page's, to scale."""
    own = len(INPUT_NAMES) + DRAFT_NAMES.index("draft")
    weights = np.zeros((len(NAMES), 2), np.float32)
    weights[own, 0] = 0.5
    blank = np.zeros(len(NAMES), np.float32)
    final = Network(blank, blank + 1, (((weights, np.zeros(2, np.float32)),),))
    draft = make_network(seed, (len(INPUT_NAMES), 5, 3))
    model = Model({"html": final, "html_draft": draft}, blank, blank, blank, {})
    inputs = np.zeros((6, len(NAMES)), np.float32)
    inputs[:, : len(INPUT_NAMES)] = draw_inputs(draft, seed + 50, 6)
    inputs[:, own] = np.linspace(-3, 3, 6)
    expected = attribute(draft, inputs[:, : len(INPUT_NAMES)])
    expected *= (0.5 * inputs[:, own] / expected.sum(axis=1))[:, None]
    found = contribute(model, "html", inputs)
    np.testing.assert_allclose(found[:, : len(INPUT_NAMES)], expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found[:, len(INPUT_NAMES) :], 0, atol=1e-6)


@pytest.mark.parametrize(
    ("plain", "changed", "feature"),
    [
        ("The ferry left at noon with forty people on board, said the harbour master.", None, "link_density"),
        ("The ferry left at noon with forty people on board, said the harbour master.", "ferry-at-noon.jpg", "image"),
    ],
)
def test_a_change_of_one_thing_on_a_page_shows_in_its_reason(plain: str, changed: str | None, feature: str) -> None:
    """The block is linked, or becomes a file name: the reasons of that name speak against content more than before."""
    frame = "<main><h1>News</h1><p>{}</p><p>{}</p></main>"
    other = "Nobody was hurt. The next ferry will leave in the evening, when the tide is high again."
    model = load_model()

    def speak(block: str) -> float:
        document = read_source(Source(html=frame.format(block, other)))
        inputs = final_inputs(model, "html", [extract_features(document)])
        row = contribute(model, "html", inputs)[1]
        return float(sum(row[i] for i, name in enumerate(NAMES) if name.split("@")[0].startswith(feature)))

    assert speak(changed or f"<a href='/x'>{plain}</a>") < speak(plain)


def test_the_average_block_has_no_contributions() -> None:
    network = make_network(3, (8, 5, 3))
    np.testing.assert_allclose(attribute(network, network.mean[None]), 0, atol=1e-6)


@pytest.mark.parametrize("column", range(5))
def test_changing_one_input_of_a_linear_network_moves_its_contribution_alone(column: int) -> None:
    network = make_network(11, (5, 2), members=2)  # of two outputs, since the logit against more is not linear
    inputs = draw_inputs(network, 12, 4)
    changed = inputs.copy()
    changed[:, column] = network.mean[column] + 1.5 / network.scale[column]
    moved = attribute(network, changed) - attribute(network, inputs)
    np.testing.assert_allclose(np.delete(moved, column, axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(
        moved[:, column], content_logit(network, changed) - content_logit(network, inputs), rtol=1e-4, atol=1e-4
    )
    slopes = np.mean([weights[column, 0] - weights[column, 1] for ((weights, _),) in network.members])
    np.testing.assert_allclose(attribute(network, changed)[:, column], 1.5 * slopes, rtol=1e-4)


def test_values_far_out_count_as_much_as_the_network_lets_them() -> None:
    network = make_network(5, (4, 2))
    inputs = np.tile(network.mean, (2, 1))
    inputs[:, 1] += np.array([CLIP, 100 * CLIP], np.float32) / network.scale[1]
    near, far = attribute(network, inputs)
    np.testing.assert_allclose(near, far, rtol=1e-4)


def test_reasons_are_the_strongest_contributions_with_name_and_value() -> None:
    heads = {"html": make_network(21, (len(NAMES), 6, 3)), "html_draft": make_network(23, (len(INPUT_NAMES), 6, 3))}
    nothing = np.zeros(0, np.float32)
    model = Model(heads, nothing, nothing, nothing, {})
    inputs = draw_inputs(heads["html"], 22, 3)
    contributions = contribute(model, "html", inputs)
    reasons = explain_inputs(model, "html", inputs, 4)
    assert [len(row) for row in reasons] == [4, 4, 4]
    for block, row in enumerate(reasons):
        strongest = sorted(np.abs(contributions[block]).tolist(), reverse=True)[:4]
        assert [abs(reason.contribution) for reason in row] == pytest.approx(strongest)
        for reason in row:
            place = NAMES.index(reason.feature)
            assert reason.value == pytest.approx(float(inputs[block, place]))
            assert reason.contribution == pytest.approx(float(contributions[block, place]))


@pytest.mark.parametrize("source", [Source(html=HTML), Source(text=TEXT)], ids=["html", "text"])
@pytest.mark.parametrize("top", [1, 7])
def test_each_block_is_explained_strongest_reason_first(source: Source, top: int) -> None:
    page, reasons = explain_source(source, top=top)
    assert page == (label_html(HTML) if source.text is None else label_text(TEXT))
    assert [len(row) for row in reasons] == [top] * len(page.blocks)
    for row in reasons:
        strengths = [abs(reason.contribution) for reason in row]
        assert strengths == sorted(strengths, reverse=True)
        assert len({reason.feature for reason in row}) == top
        assert {reason.feature for reason in row} <= set(NAMES)


@pytest.mark.parametrize("source", [Source(html=""), Source(text=""), Source(html=b"%PDF-1.7")])
def test_an_empty_page_has_nothing_to_explain(source: Source) -> None:
    page, reasons = explain_source(source)
    assert (page.blocks, reasons) == ((), [])


def test_every_part_of_an_endless_page_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MAX_WINDOW", 10)
    page, reasons = explain_source(Source(text=TEXT), top=2)
    assert len(reasons) == len(page.blocks) > 20
