"""Retraining: the base sample, networks that go on learning, the verdict, the report, and the commands."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from dechrome.adapting import measure_shares
from dechrome.artefact import MAX_ROUNDS, Model, Network, read_model, write_model
from dechrome.cli import main
from dechrome.errors import DataError, ModelError
from dechrome.inference import final_inputs, predict_proba, softmax, standardise
from dechrome.labelling import SHIPPED_MODEL, Source, label_html, label_pages
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.evaluation.paired import Comparison, compare_scores
from dechrome_training.fit import Trained, train
from dechrome_training.gates import fit_gate
from dechrome_training.label_files import read_labels
from dechrome_training.recipe import Recipe, read_recipe
from dechrome_training.retraining import base as base_module
from dechrome_training.retraining import warm
from dechrome_training.retraining.base import FILE, MAX_BYTES, choose_pages, pack, read_base, write_base
from dechrome_training.retraining.gating import REGULARISATION, add_round, average_pages
from dechrome_training.retraining.report import render_report
from dechrome_training.retraining.retrain import read_pages, retrain, run_retraining
from dechrome_training.retraining.rows import PageRows, measure_rows, word_f1
from dechrome_training.retraining.search import Search, fit_gates, predict_pages, site_folds
from dechrome_training.retraining.verdict import CheckPage, Verdict, decide, judge
from dechrome_training.retraining.warm import Rows, answers, learn, one_hot
from dechrome_training.samples import Sample, head_of, page_samples
from dechrome_training.scores import word_scores

ROOT = Path(__file__).resolve().parents[1]
LABELS = ROOT / "datasets" / "labels.jsonl"
RECIPE = ROOT / "training" / "recipe.toml"
NAN = float("nan")


def ignore(message: str) -> None:
    """Take a report of progress and do nothing with it."""


# What the tests work on: a tiny model of a dozen pages, with its base sample


@pytest.fixture(scope="module")
def pages() -> list[AnnotatedPage]:
    return list(read_labels(LABELS))


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    shipped = read_recipe(RECIPE)
    tiny = replace(shipped.draft, members=1, hidden=(8,), epochs=2, alpha=0.01)
    return replace(shipped, folds=2, draft=tiny, labels=tiny, kinds=tiny, iterations=5, kind_iterations=3)


@pytest.fixture(scope="module")
def samples(pages: list[AnnotatedPage]) -> list[Sample]:
    return [sample for page in pages[::3] for sample in page_samples(page, ("html", "lines"))]


@pytest.fixture(scope="module")
def trained(samples: list[Sample], recipe: Recipe) -> Trained:
    folds = [number % 2 for number in site_folds([sample.group for sample in samples])]
    return train(samples, folds, recipe, ignore, choose_pages(samples))


@pytest.fixture(scope="module")
def folder(trained: Trained, samples: list[Sample], recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("base")
    write_model(place, trained.model)
    write_base(place, trained.model, samples, choose_pages(samples), trained.unseen, recipe)
    return place


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return read_model(folder)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a label file of twelve pages, the last lines of the sample pages."""
    place = tmp_path_factory.mktemp("labels")
    shutil.copytree(ROOT / "datasets" / "pages", place / "pages")
    lines = LABELS.read_text(encoding="utf-8").splitlines(keepends=True)
    (place / "labels.jsonl").write_text("".join(lines[-12:]), encoding="utf-8")
    return place / "labels.jsonl"


# The base sample


def test_a_base_sample_gives_networks_what_they_were_shown(
    folder: Path, model: Model, samples: list[Sample], trained: Trained
) -> None:
    kept = read_base(folder, model)
    pages = iter(kept.check), iter(kept.learn)
    for number, check in choose_pages(samples).items():
        sample, seen = samples[number], trained.unseen[number]
        page = next(pages[0] if check else pages[1])
        dense = page.inputs[:, : sample.features.dense.shape[1]]
        assert np.abs(dense - sample.features.dense).mean() < 0.02
        assert page.lengths.tolist() == sample.features.lengths.tolist()
        assert page.targets.tolist() == sample.targets.tolist()
        network = model.heads[f"{head_of(sample.view)}_draft"]
        assert np.isfinite(predict_proba(network, page.inputs[:, : network.mean.size])).all()
        assert len(seen.draft) == len(page.shares)


def test_a_base_sample_holds_no_text(folder: Path, samples: list[Sample]) -> None:
    with zipfile.ZipFile(folder / FILE) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    with np.load(folder / FILE) as file:
        assert {file[name].dtype.kind for name in file.files} <= set("biuf")
        facts = json.loads(file["facts"].tobytes())
    assert set(facts) == {"format", "columns", "foundation", "names"}
    assert set(facts["names"]) == {"source", "view", "language", "page_type"}
    for sample in samples:
        assert sample.id.encode() not in content
        for text in sample.texts:
            if len(text) > 12:
                assert text.encode() not in content
                assert text.encode("utf-16-le") not in content


def test_the_same_pages_give_the_same_bytes(
    samples: list[Sample], trained: Trained, recipe: Recipe, folder: Path
) -> None:
    data = pack(trained.model, samples, choose_pages(samples), trained.unseen, recipe)
    assert data == (folder / FILE).read_bytes()


def test_no_site_is_both_learned_from_and_checked_with(samples: list[Sample]) -> None:
    chosen = choose_pages(samples)
    parts = [{samples[n].group for n, check in chosen.items() if check == part} for part in (False, True)]
    assert all(parts)
    assert not parts[0] & parts[1]


def test_a_base_sample_leaves_pages_out_to_stay_small(
    samples: list[Sample], trained: Trained, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = len(pack(trained.model, samples, choose_pages(samples), trained.unseen, recipe))
    monkeypatch.setattr(base_module, "MAX_BYTES", whole * 3 // 4)
    write_base(tmp_path, trained.model, samples, choose_pages(samples), trained.unseen, recipe)
    assert 1000 < (tmp_path / FILE).stat().st_size <= whole * 3 // 4


def test_the_shipped_model_has_a_base_sample_of_at_most_10_megabytes() -> None:
    assert (SHIPPED_MODEL / FILE).stat().st_size <= MAX_BYTES == 10_000_000
    kept = read_base(SHIPPED_MODEL, read_model(SHIPPED_MODEL))
    assert {page.view for page in kept.check} == {"html", "lines"}
    assert not {page.group for page in kept.learn if page.view == "html"} & {page.group for page in kept.check}


def damage(folder: Path, tmp_path: Path, **arrays: Any) -> Path:
    with np.load(folder / FILE) as file:
        changed = {**{name: file[name] for name in file.files}, **arrays}
    np.savez_compressed(tmp_path / FILE, **changed)
    return tmp_path


def test_a_missing_base_sample_is_told(tmp_path: Path, model: Model) -> None:
    with pytest.raises(ModelError, match=r"sample\.npz: cannot be read"):
        read_base(tmp_path, model)


def test_a_base_sample_of_another_model_is_refused(folder: Path, model: Model) -> None:
    other = replace(model, word_table=model.word_table + 1)
    with pytest.raises(ModelError, match="belongs to another model"):
        read_base(folder, other)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("levels", np.full((3, 3), np.nan)),
        ("levels", np.zeros((3, 3))),
        ("sizes", np.array([7], np.uint32)),
        ("codes", np.zeros((2, 2), np.uint8)),
        ("sizes", np.zeros(0, np.uint32)),
        ("facts", np.frombuffer(b"{}", np.uint8)),
        ("facts", np.frombuffer(b"no json", np.uint8)),
    ],
)
def test_a_damaged_base_sample_is_refused(name: str, value: Any, folder: Path, model: Model, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"sample\.npz"):
        read_base(damage(folder, tmp_path, **{name: value}), model)


def test_a_truncated_base_sample_is_refused(folder: Path, model: Model, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes((folder / FILE).read_bytes()[:-100])
    with pytest.raises(ModelError, match="no archive"):
        read_base(tmp_path, model)


def test_word_f1_of_features_is_that_of_the_text(model: Model, samples: list[Sample]) -> None:
    html = [sample for sample in samples if sample.view == "html" and sample.gold]
    for sample, page in zip(html, measure_rows(model, html), strict=True):
        kept = [text for text, target in zip(sample.texts, sample.targets, strict=True) if target == 0]
        exact = word_scores("\n".join(kept), sample.gold or "")[2]
        assert word_f1(page, sample.targets) == pytest.approx(exact, abs=0.02)


# Networks that go on learning


def toy() -> tuple[Network, np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    inputs = random.normal(size=(400, 5)).astype(np.float32)
    targets = np.where(inputs[:, 0] > 0, 0, 2).astype(np.int8)
    layers = (
        (random.normal(size=(5, 6)).astype(np.float32), np.zeros(6, np.float32)),
        (random.normal(size=(6, 3)).astype(np.float32), np.array([0, -30, 0], np.float32)),
    )
    return Network(np.zeros(5, np.float32), np.ones(5, np.float32), (layers,)), inputs, targets


def toy_rows(network: Network, inputs: np.ndarray, targets: np.ndarray) -> Rows:
    return Rows(standardise(network, inputs), one_hot(network, targets), np.ones(len(inputs), np.float32))


def accuracy(network: Network, inputs: np.ndarray, targets: np.ndarray) -> float:
    return float((predict_proba(network, inputs).argmax(axis=1) == targets).mean())


def test_a_network_goes_on_from_where_it_stood_and_gets_better() -> None:
    network, inputs, targets = toy()
    rows = toy_rows(network, inputs, targets)
    gentle = learn(network, None, rows, epochs=1)
    assert predict_proba(gentle, inputs) == pytest.approx(predict_proba(network, inputs), abs=0.05)
    before, after = (accuracy(n, inputs, targets) for n in (network, learn(network, None, rows, epochs=3000)))
    assert after > max(before, 0.9)


def test_learning_what_the_network_says_changes_nothing() -> None:
    network, inputs, _ = toy()
    standard = standardise(network, inputs)
    said = Rows(standard, answers(network, standard), np.ones(400, np.float32))
    nobody = Rows(standard[:1], tuple(part[:1] for part in said.targets), np.zeros(1, np.float32))
    found = predict_proba(learn(network, said, nobody), inputs)
    assert found == pytest.approx(predict_proba(network, inputs), abs=0.02)


def test_what_the_network_said_of_other_rows_is_kept_while_it_learns() -> None:
    network, inputs, targets = toy()
    others, own = inputs[inputs[:, 4] < 0], inputs[inputs[:, 4] > 0.5]
    standard = standardise(network, others)
    held = Rows(standard, answers(network, standard), np.ones(len(others), np.float32))
    rows = toy_rows(network, own, targets[inputs[:, 4] > 0.5])
    moved = [
        np.abs(predict_proba(learn(network, base, rows, epochs=1500), others) - predict_proba(network, others)).mean()
        for base in (None, held)
    ]
    assert moved[1] < moved[0] / 2


def test_slopes_are_those_of_the_loss() -> None:
    random = np.random.default_rng(5)
    shapes = [(5, 4), (4,), (4, 3), (3,), (3, 2), (2,)]
    values = [random.normal(size=shape).astype(np.float64) for shape in shapes]
    inputs, targets = random.normal(size=(7, 5)), np.eye(2)[random.integers(0, 2, 7)]
    masks = [random.integers(0, 2, (7, 4)) * 2.0, random.integers(0, 2, (7, 3)) * 2.0]

    def loss() -> float:
        logits = warm._forward(values, inputs, masks)[-1]  # type: ignore[arg-type]
        return float(-(targets * (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))).sum())

    outputs = warm._forward(values, inputs, masks)  # type: ignore[arg-type]
    slopes = warm._backward(values, outputs, masks, softmax(outputs[-1]) - targets)  # type: ignore[arg-type]
    for value, slope in zip(values, slopes, strict=True):
        for place in np.ndindex(*value.shape):
            kept = value[place]
            value[place] = kept + 1e-5
            above = loss()
            value[place] = kept - 1e-5
            assert slope[place] == pytest.approx((above - loss()) / 2e-5, abs=1e-4)
            value[place] = kept


def test_learning_twice_gives_the_same_network() -> None:
    network, inputs, targets = toy()
    rows = toy_rows(network, inputs, targets)
    first, second = (learn(network, rows, rows) for _ in range(2))
    assert all(
        (a == b).all()
        for x, y in zip(first.members[0], second.members[0], strict=True)
        for a, b in zip(x, y, strict=True)
    )


def test_a_class_never_seen_before_can_be_learned() -> None:
    network, inputs, targets = toy()
    targets = np.where(inputs[:, 1] > 0.5, 1, targets).astype(np.int8)
    found = learn(network, None, toy_rows(network, inputs, targets), epochs=4000)
    assert accuracy(found, inputs, targets) > 0.85


# Gates


def page_rows(model: Model, number: int, place: float) -> PageRows:
    random = np.random.default_rng(number)
    count, network = 6, model.heads["html"]
    noise = random.normal(size=(count, network.mean.size)) / 10 / np.maximum(network.scale, 1e-3)
    inputs = (network.mean + noise).astype(np.float32)
    inputs[:, 0] += place
    ones = np.ones(count, np.int64)
    return PageRows(
        f"{number}", f"{number}", "x", "html", None, None, inputs, ones.astype(np.float32), ones < 0,
        ones.astype(np.int8), ones, ones, ones.astype(np.float32), count,
    )  # fmt: skip


def test_pages_like_the_users_get_the_new_weights_and_others_the_old_ones(model: Model) -> None:
    spread = float(10 / model.heads["html"].scale[0])
    pages = [page_rows(model, n, spread * (n % 2)) for n in range(40)]
    gates = fit_gates(model, pages[0:30:2], pages[1:30:2])
    own = replace(model.heads["html"], members=model.heads["text"].members)
    new = add_round(model, {"html": own}, gates)
    shares = [measure_shares(new, "html", page.inputs, page.lengths) for page in pages[30:]]
    assert shares == [(0.0, 0.0), (0.0, 1.0)] * 5
    for page, expected in zip(pages[30:], [model.heads["html"], own] * 5, strict=True):
        assert (predict_pages(new, "html", [page])[0] == predict_proba(expected, page.inputs)).all()
    assert measure_shares(new, "text", pages[31].inputs, pages[31].lengths) == (0.0, 0.0)


def test_pages_judged_together_are_judged_as_alone(model: Model) -> None:
    spread = float(10 / model.heads["html"].scale[0])
    pages = [page_rows(model, n, spread * (n % 3) / 2) for n in range(30)]
    gates = fit_gates(model, pages[0::3], pages[2::3])
    new = add_round(model, {"html": replace(model.heads["html"], members=model.heads["text"].members)}, gates)
    assert len({measure_shares(new, "html", page.inputs, page.lengths) for page in pages}) > 1
    for page, found in zip(pages, predict_pages(new, "html", pages), strict=True):
        assert found == pytest.approx(predict_pages(new, "html", [page])[0], abs=1e-6)


def test_a_retrained_model_labels_many_pages_as_one_by_one(
    retrained: tuple[Path, Verdict], pages: list[AnnotatedPage]
) -> None:
    model = read_model(retrained[0])
    own = replace(model.heads["html"], members=model.heads["text"].members)
    sources = [Source(html=page.html) for page in pages if page.html]
    means = average_pages(
        measure_rows(model, [s for page in pages if page.html for s in page_samples(page, ("html",))])
    )
    gate = fit_gate(own, means[::2], means[1::2], REGULARISATION, balanced=True)
    model = add_round(model, {"html": own}, {"html": gate})
    alone = [label_html(str(source.html), model=model) for source in sources]
    for one, other in zip(alone, label_pages(sources, model=model), strict=True):
        assert one.text == other.text
        assert [b.confidence for b in one.blocks] == pytest.approx([b.confidence for b in other.blocks], abs=1e-5)
        assert [b.kind for b in one.blocks] == [b.kind for b in other.blocks]


def test_without_a_base_sample_every_page_is_the_users(model: Model) -> None:
    page = page_rows(model, 1, 0.0)
    new = add_round(model, {}, fit_gates(model, [], [page]))
    assert measure_shares(new, "html", page.inputs, page.lengths) == (0.0, 1.0)


def test_a_model_is_not_retrained_without_end(model: Model) -> None:
    gates = fit_gates(model, [], [page_rows(model, 1, 0.0)])
    for _ in range(MAX_ROUNDS):
        model = add_round(model, {}, gates)
    with pytest.raises(ModelError, match="retrained 9 times"):
        add_round(model, {}, gates)


# How far to go


def found(scores: dict[float, list[float]], lost: dict[float, float]) -> Search:
    return Search({}, {blend: np.array(values) for blend, values in scores.items()}, lost)


@pytest.mark.parametrize(
    ("gains", "lost", "choices"),
    [
        ({1.0: 0.1, 0.5: 0.2}, {1.0: 0.001, 0.5: 0.0}, [1.0, 0.5]),  # farthest first: which is best is chance
        ({1.0: 0.1, 0.5: 0.05}, {1.0: 0.004, 0.5: 0.002}, [0.5]),
        ({1.0: 0.1, 0.5: 0.05}, {1.0: 0.004, 0.5: 0.004}, []),
        ({1.0: -0.1, 0.5: 0.05}, {1.0: 0.0, 0.5: 0.0}, [0.5]),
        ({1.0: -0.1, 0.5: -0.05}, {1.0: 0.0, 0.5: 0.0}, []),
    ],
)
def test_what_was_learned_is_followed_as_far_as_little_is_lost(
    gains: dict[float, float], lost: dict[float, float], choices: list[float]
) -> None:
    scores = {0.0: [0.5, NAN, 0.7], **{blend: [0.5 + gain, NAN, 0.7] for blend, gain in gains.items()}}
    assert found(scores, {0.0: 0.0, **lost}).choices() == choices


def test_folds_are_by_site_and_by_page_where_there_is_one_site() -> None:
    groups = ["a", "a", "b", "b", "c"]
    folds = site_folds(groups)
    assert folds[0] == folds[1]
    assert folds[2] == folds[3]
    assert len(set(folds)) == 3
    assert len(set(site_folds(["a"] * 8))) == 4


# Paired comparison


def test_a_difference_that_is_always_there_is_no_chance() -> None:
    random = np.random.default_rng(1)
    old = random.uniform(0.3, 0.9, 60)
    found = compare_scores(
        (old + random.uniform(0.01, 0.05, 60)).tolist(), old.tolist(), [f"s{n % 20}" for n in range(60)]
    )
    assert 0.01 < found.low < found.difference < found.high < 0.05
    assert (found.better, found.worse) == (1.0, 0.0)
    assert found.p_value < 0.001


def test_a_difference_of_one_page_may_be_chance() -> None:
    old = [0.5] * 20
    found = compare_scores([0.9, *old[1:]], old, [str(n) for n in range(20)])
    assert found.low <= 0 < found.high
    assert found.p_value > 0.05


def test_equal_scores_differ_by_nothing() -> None:
    found = compare_scores([0.5, 0.6, 0.7], [0.5, 0.6, 0.7], ["a", "b", "c"])
    assert found[1:6] == pytest.approx((0.6, 0.6, 0.0, 0.0, 0.0))
    assert (found.p_value, found.better, found.worse) == (1.0, 0.0, 0.0)


def test_pages_of_one_site_move_together() -> None:
    gains = [0.2] * 10 + [-0.1] * 10
    by_site = compare_scores(gains, [0.0] * 20, [f"{n // 4}" for n in range(20)])
    by_page = compare_scores(gains, [0.0] * 20, [f"{n}" for n in range(20)])
    assert by_site.high - by_site.low > by_page.high - by_page.low


def test_what_is_not_known_is_left_out() -> None:
    assert compare_scores([0.5, NAN], [0.4, 0.2], ["a", "b"]).pages == 1
    assert compare_scores([], [], []).pages == 0
    assert np.isnan(compare_scores([0.5], [0.4], ["a"]).low)


# The verdict


def comparison(old: float, new: float, low: float, high: float, pages: int = 50) -> Comparison:
    return Comparison(pages, new, old, new - old, low, high, 0.01, 0.5, 0.1)


@pytest.mark.parametrize(
    ("pages", "check", "sites", "changed", "use", "words"),
    [
        (comparison(0.80, 0.86, 0.02, 0.10), comparison(0.92, 0.919, -0.004, 0.002), 12, True, True, "Use it: "),
        (comparison(0.80, 0.86, 0.02, 0.10), comparison(0.92, 0.92, 0, 0), 2, True, True, "are of 2 sites"),
        (comparison(0.80, 0.86, 0.02, 0.10, 9), comparison(0.92, 0.92, 0, 0), 9, True, False, "too few to tell"),
        (comparison(0.80, 0.86, 0.02, 0.10), comparison(0.92, 0.91, -0.02, 0), 12, True, False, "elsewhere, by 0.010"),
        (comparison(0.80, 0.82, -0.01, 0.05), comparison(0.92, 0.92, 0, 0), 12, True, False, "no gain beyond chance"),
        (comparison(0.80, 0.79, -0.03, 0.01), comparison(0.92, 0.92, 0, 0), 12, True, False, "worse on your own pages"),
        (comparison(0.80, 0.80, 0, 0), comparison(0.92, 0.92, 0, 0), 12, False, False, "it is the old model"),
    ],
)  # fmt: skip
def test_a_verdict_is_one_plain_sentence(
    pages: Comparison, check: Comparison, sites: int, changed: bool, use: bool, words: str
) -> None:
    said, sentence = decide(pages, check, sites, changed)
    assert said is use
    assert words in sentence
    assert sentence.startswith("Use it") is use
    assert "\n" not in sentence


def test_a_report_escapes_what_pages_say_and_loads_nothing(
    pages: list[AnnotatedPage], model: Model, folder: Path
) -> None:
    kept = read_base(folder, model)
    page = replace(
        pages[0], id="<script>alert(1)</script>", text=None,
        html="<p><b>&lt;img src=x onerror=alert(2)&gt;</b></p>" * 3 + "<p>A fox ran over the hill.</p>",
        gold="A fox ran over the hill.", blocks=(), domain="a",
    )  # fmt: skip
    html = render_report(retrain(model, kept, [page, *pages[:4]], ignore).verdict)
    assert "<script" not in html
    assert "<img" not in html
    assert not re.search(r"""(src|href)=|url\(|@import""", html)
    verdict = judge([], [], [CheckPage("<a>", "html", "<b>", 0.5, 0.6)], changed=True)
    assert "&lt;b&gt;" in render_report(verdict)
    assert "<b>" not in render_report(verdict)


# All of it


@pytest.fixture(scope="module")
def retrained(folder: Path, labels: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Verdict]:
    out = tmp_path_factory.mktemp("retrained") / "model"
    return out, run_retraining([labels], folder, out, ignore)


def test_a_retrained_model_is_a_model(retrained: tuple[Path, Verdict], model: Model, folder: Path) -> None:
    out, verdict = retrained
    new = read_model(out)
    assert label_html("<p>The fox ran over the hill, and the dog slept.</p>", model=new).blocks
    assert {path.name for path in out.iterdir()} == {"model.json", "weights.npz", FILE, "report.html"}
    assert (out / FILE).read_bytes() == (folder / FILE).read_bytes()
    assert (new.word_table == model.word_table).all()
    assert new.settings["retrained"]["base"] == model.digest
    assert new.settings["retrained"]["verdict"] == verdict.sentence
    assert "scores" not in new.settings
    assert verdict.pages.pages + len([p for p in verdict.page_scores if np.isnan(p[0])]) == len(verdict.page_scores)
    titles = [table.title for table in verdict.tables]
    for part in ("word F1, new against old", "blocks by label", "blocks by kind", "check pages, html"):
        assert any(part in title for title in titles)


def test_retraining_twice_gives_the_same_bytes(
    retrained: tuple[Path, Verdict], folder: Path, labels: Path, tmp_path: Path
) -> None:
    run_retraining([labels], folder, tmp_path, ignore)
    for name in ("model.json", "weights.npz", "report.html"):
        assert (tmp_path / name).read_bytes() == (retrained[0] / name).read_bytes()


def test_a_retrained_model_can_be_retrained(retrained: tuple[Path, Verdict], labels: Path, tmp_path: Path) -> None:
    run_retraining([labels], retrained[0], tmp_path, ignore)
    assert read_model(tmp_path).settings["retrained"]["base"] == read_model(retrained[0]).digest


@pytest.mark.parametrize("count", [1, 2])
def test_a_page_or_two_are_too_few(count: int, pages: list[AnnotatedPage], model: Model, folder: Path) -> None:
    verdict = retrain(model, read_base(folder, model), pages[:count], ignore).verdict
    assert not verdict.use
    assert "too few to tell" in verdict.sentence
    assert f"{count} page" in verdict.sentence


def test_pages_without_anything_known_are_too_few(model: Model, folder: Path) -> None:
    page = AnnotatedPage("x", "labels", html="<p>A fox ran.</p>", must_have=("badger",))
    empty = AnnotatedPage("y", "labels", text="\n", gold="")
    verdict = retrain(model, read_base(folder, model), [page, empty], ignore).verdict
    assert not verdict.use
    assert "0 pages with content known" in verdict.sentence


def test_training_from_scratch_takes_the_labels_alone(labels: Path, tmp_path: Path) -> None:
    text = RECIPE.read_text(encoding="utf-8")
    for name, value in {
        "folds": "2", "own": '"phrases"', "own_pages": '"pages"', "own_images": "20",
        "own_look_alikes": "10", "own_written_pages": "4", "own_marked_pages": "4",
        "hidden": "[8]", "epochs": "1", "iterations": "3", "kind_iterations": "3",
    }.items():  # fmt: skip
        text = re.sub(rf"^{name} *=.*$", f"{name} = {value}", text, flags=re.MULTILINE)
    (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
    for folder, source, language in (("phrases", "phrases", "fr"), ("pages", "short_pages", "mk")):
        (tmp_path / folder).mkdir()
        shutil.copy(ROOT / "datasets" / source / f"{language}.tsv", tmp_path / folder)
    out = tmp_path / "own"
    result = run("train", "--from-scratch", "--add", labels, "--recipe", tmp_path / "recipe.toml", "--out", out)
    assert result.exit_code == 0, result.output
    model = read_model(out)
    assert model.settings["origin"]["labels"] > 0
    assert set(model.settings["origin"]) <= {"labels", "dechrome"}
    assert read_base(out, model).learn


def test_unseen_pages_are_judged_by_the_inputs_that_labelling_makes(model: Model, samples: list[Sample]) -> None:
    sample = samples[0]
    rows = measure_rows(model, [sample])[0]
    assert (rows.inputs == final_inputs(model, head_of(sample.view), [sample.features])).all()


def test_labels_without_pages_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"empty\.jsonl: no page"):
        read_pages([tmp_path / "empty.jsonl"])


# The commands


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize(("use", "code"), [(True, 0), (False, 3)])
def test_the_exit_code_says_what_the_verdict_says(
    use: bool, code: int, retrained: tuple[Path, Verdict], labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = replace(retrained[1], use=use)
    monkeypatch.setattr("dechrome_training.retraining.retrain.run_retraining", lambda *_: verdict)
    result = run("train", "--add", labels, "--out", tmp_path, "--quiet")
    assert result.exit_code == code, result.output
    assert result.output.rstrip().endswith(verdict.sentence)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--base", "shipped"],
        ["--recipe", RECIPE],
        ["--add", LABELS, "--recipe", RECIPE, "--data", ROOT],
        ["--add", LABELS, "--data", ROOT],
        ["--from-scratch", "--recipe", RECIPE],
        ["--from-scratch", "--add", LABELS],
        ["--from-scratch", "--add", LABELS, "--recipe", RECIPE, "--base", "x"],
        ["--add", "missing.jsonl"],
        ["--add", LABELS, "--base", "no-such-folder"],
    ],
)
def test_train_refuses_what_makes_no_sense(arguments: list[object], tmp_path: Path) -> None:
    result = run("train", "--out", tmp_path / "out", *arguments)
    assert result.exit_code == 2, result.output
    assert not (tmp_path / "out").exists()


def test_evaluate_compares_two_models(
    folder: Path, retrained: tuple[Path, Verdict], labels: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    result = run("evaluate", "--model", retrained[0], "--against", folder, "--data", labels, "--json", out)
    assert result.exit_code == 0, result.output
    for words in ("word F1, A against B", "shingle F1, A against B", "type ", "language "):
        assert words in result.output
    row = json.loads(out.read_text(encoding="utf-8"))["tables"][0]["rows"][0]
    assert {"pages", "A", "B", "A - B", "low", "high", "p", "better", "worse"} <= set(row)
    same = run("evaluate", "--model", folder, "--against", folder, "--data", labels)
    assert re.search(r"^all +\d+ .* 0\.000 +0\.000 +0\.000 +1\.000 +0\.000 +0\.000$", same.output, re.MULTILINE)


def test_against_goes_with_neither_folds_nor_kinds(folder: Path) -> None:
    assert run("evaluate", "--against", folder, "--kinds", "--data", LABELS).exit_code == 2


def walk_through() -> list[str]:
    guide = (ROOT / "training" / "README.md").read_text(encoding="utf-8")
    section = guide.split("## Retrain on your own pages", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"(?:^    .+\n)+", section, re.MULTILINE)
    return [line.strip() for block in blocks for line in block.splitlines()]


def test_the_commands_of_the_guide_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "datasets", tmp_path / "datasets")
    monkeypatch.chdir(tmp_path)
    commands = [shlex.split(line) for line in walk_through()]
    assert [words[:2] for words in commands][:1] == [["dechrome", "train"]]
    for words in commands:
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            monkeypatch.setenv(name, value)
            continue
        assert words[0] == "dechrome"
        result = run(*words[1:])
        assert result.exit_code in ((0, 3) if words[1] == "train" else (0,)), result.output
    assert (tmp_path / "my_model" / "report.html").is_file()
