"""A training run: recipe and corpora in, model folder out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from joblib import Memory, Parallel, delayed

from dechrome.artefact import Model, write_model
from dechrome_training.card import read_peers, write_card
from dechrome_training.corpus import (
    OWN_SOURCE,
    AnnotatedPage,
    Phrase,
    assign_folds,
    read_own_pages,
    read_own_phrases,
    read_parquet,
    read_phrases,
)
from dechrome_training.evaluation.selection import read_set
from dechrome_training.fit import train
from dechrome_training.image_names import write_images, write_look_alikes
from dechrome_training.recipe import Recipe, read_recipe
from dechrome_training.retraining.base import choose_pages, write_base
from dechrome_training.samples import (
    Sample,
    dressed_samples,
    marked_samples,
    page_samples,
    phrase_samples,
    short_samples,
)
from dechrome_training.sections import extend_articles
from dechrome_training.summary import summarise
from dechrome_training.tail_examples import EVERY_FOLD
from dechrome_training.tails import Tails, fit_tails

Item = TypeVar("Item")
Report = Callable[[str], None]
# Modules that samples depend on.
_RUNTIME_CODE = (
    "blocks", "bounds", "characters", "context", "features", "html_blocks", "lexicon", "segmenting", "text_blocks",
    "text_features", "tree_features",
)  # fmt: skip
_TRAINING_CODE = (
    "align", "corpus", "pieces", "image_names", "image_templates", "samples", "sections", "views", "weak_kinds",
    "written_markup",
)  # fmt: skip
_VIEWS = ("html", "lines", "leftovers", "piece")  # of an annotated page
_CHUNK = 200  # pages that one job reads and measures


def run_training(
    recipe: Path,
    data: Path | None,
    out: Path,
    cache: Path | None,
    report: Report,
    peers: Path | None = None,
    add: Sequence[Path] = (),
) -> None:
    """Train a model by a recipe on the corpora in ``data`` and write its folder, with scores, card and base sample.

    ``add`` are label files to train on, too; without ``data`` these are all, but for our own phrases.

    ``peers`` is what ``dechrome compare --json`` wrote: its scores go into the card. The same recipe and data give the
    same bytes.

    Raises:
        DataError: the recipe or a set is missing or malformed.
    """
    settings = read_recipe(recipe)
    compared = {} if peers is None else {"peers": read_peers(peers)}
    if data is None:
        settings = replace(settings, sets={})
    added = [page for path in add for page in read_set(path)]
    samples, folds = build_samples(settings, data, cache, report, added)
    blocks = sum(len(sample.shares) for sample in samples)
    report(f"{len(samples)} pages, {blocks} blocks")
    chosen = choose_pages(samples)
    model, predictions, unseen = train(samples, folds, settings, report, chosen)
    summary = {**summarise(predictions, model.settings, samples, settings), **compared}
    finished = replace(model, settings={**model.settings, **summary})
    if data is not None:
        finished = with_tails(finished, train_tails(settings, data, report))
    write_model(out, finished)
    write_base(out, model, samples, chosen, unseen, settings)
    if not write_card(out, summary):
        report("the card has no plot: that needs pip install 'dechrome[report]'")
    report(f"model written to {out}")


def train_tails(recipe: Recipe, data: Path, report: Report) -> Tails:
    """Fit the table of foreign tails alone, with its scores: about two minutes.

    Raises:
        DataError: a set is missing or malformed.
    """
    pages = [page for name in recipe.sets for page in read_parquet(data / f"{name}.parquet")]
    phrases = [phrase for phrase in read_phrases(data / "phrases.parquet") if _is_open(phrase, recipe)]
    own = list(read_own_phrases(recipe.own_phrases))
    page_folds = assign_folds([p.group for p in pages], [1.0] * len(pages), recipe.folds)
    source_folds = assign_folds([p.source for p in phrases], [1.0] * len(phrases), recipe.folds)
    tails = fit_tails(pages, page_folds, [*phrases, *own], source_folds + [EVERY_FOLD] * len(own), recipe.tails)
    report(f"tails fitted, threshold {tails.threshold:.3f}")
    return tails


def with_tails(model: Model, tails: Tails) -> Model:
    """Return the model with another table of tails, its threshold and its scores."""
    settings = {**model.settings, "tail_threshold": tails.threshold, "tail_scores": tails.scores}
    return replace(model, tail_table=tails.table, settings=settings)


def build_samples(
    recipe: Recipe, data: Path | None, cache: Path | None, report: Report, added: Sequence[AnnotatedPage] = ()
) -> tuple[list[Sample], list[int]]:
    """Read the recipe's sets and measure every page, those ``added`` too; returns the samples and the fold of each.

    With ``cache``, measured pages are kept there and read back by a later run with the same code and data.
    """
    memory = Memory(cache, verbose=0)
    code = _digest_code()
    measure = memory.cache(_measure_chunk, ignore=["pages"])
    pages = [] if data is None else [p for name in recipe.sets for p in read_parquet(data / f"{name}.parquet")]
    pages += added
    report(f"{len(pages)} annotated pages read")
    chunks = [pages[start : start + _CHUNK] for start in range(0, len(pages), _CHUNK)]
    jobs = (delayed(measure)(chunk, _digest_pages(chunk), code) for chunk in chunks)
    samples = [sample for part in Parallel(n_jobs=2)(jobs) for sample in part]
    rows = () if data is None else read_phrases(data / "phrases.parquet")
    phrases = [phrase for phrase in rows if _is_open(phrase, recipe)]
    page_folds = assign_folds([p.group for p in pages], [1.0] * len(pages), recipe.folds)
    source_folds = assign_folds([p.source for p in phrases], [1.0] * len(phrases), recipe.folds)
    fold_of_group = {page.group: fold for page, fold in zip(pages, page_folds, strict=True)}
    folds = [fold_of_group[sample.group] for sample in samples]
    report("pages measured")
    digest = _digest_pages(pages) + _digest_phrases(phrases)
    write = memory.cache(_measure_fold, ignore=["pages", "phrases"])
    written = Parallel(n_jobs=2)(
        delayed(write)(
            _of_fold(pages, page_folds, fold),
            _of_fold(phrases, source_folds, fold),
            recipe.written_pages // recipe.folds,
            fold,
            digest,
            code,
        )
        for fold in range(recipe.folds)
    )
    for fold, part in enumerate(written):
        samples += part
        folds += [fold] * len(part)
    report("plain-text pages written")
    own = read_own(recipe)
    for fold, pages_of_fold in enumerate(_of_fold(pages, page_folds, fold) for fold in range(recipe.folds)):
        part = _measure_own(pages_of_fold, own, recipe, fold)
        extended = extend_articles(pages_of_fold, own, fold)
        jobs = (delayed(_measure_extended)(extended[start::8]) for start in range(8))
        part += [sample for measured in Parallel(n_jobs=2)(jobs) for sample in measured]
        samples += part
        folds += [fold] * len(part)
    short = list(read_own_pages(recipe.own_pages))
    short_folds = assign_folds([page[0].language for page in short], [1.0] * len(short), recipe.folds)
    for fold in range(recipe.folds):
        part = [sample for sample in short_samples(_of_fold(short, short_folds, fold), own, fold) if len(sample.shares)]
        samples += part
        folds += [fold] * len(part)
    part = [sample for sample in phrase_samples(own) if len(sample.shares)]
    report("own phrases and pages measured")
    return samples + part, folds + [EVERY_FOLD] * len(part)


def read_own(recipe: Recipe) -> list[Phrase]:
    """Return the phrases written for this project: those of the recipe's folder, and image names from a seed."""
    images = write_images(recipe.own_images) + write_look_alikes(recipe.own_look_alikes)
    return [*read_own_phrases(recipe.own_phrases), *images]


def _of_fold(items: Sequence[Item], folds: Sequence[int], fold: int) -> list[Item]:
    return [item for item, number in zip(items, folds, strict=True) if number == fold]


def _measure_chunk(pages: Sequence[AnnotatedPage], digest: str, code: str) -> list[Sample]:
    return [sample for page in pages for sample in page_samples(page, _VIEWS) if len(sample.shares)]


def _measure_fold(
    pages: Sequence[AnnotatedPage], phrases: Sequence[Phrase], count: int, fold: int, digest: str, code: str
) -> list[Sample]:
    """Write the pages of one fold from the pages and phrases of that fold alone."""
    written = dressed_samples(pages, phrases, count, fold)
    return [sample for part in (written, phrase_samples(phrases)) for sample in part if len(sample.shares)]


def _measure_own(pages: Sequence[AnnotatedPage], own: Sequence[Phrase], recipe: Recipe, fold: int) -> list[Sample]:
    """Write pages from the pages of one fold and our own phrases: not tested on, and no training for that fold."""
    written = dressed_samples(pages, own, recipe.own_written_pages // recipe.folds, fold, OWN_SOURCE)
    marked = marked_samples(pages, own, recipe.own_marked_pages // recipe.folds, fold)
    return [sample for part in (written, marked) for sample in part if len(sample.shares)]


def _measure_extended(pages: Sequence[AnnotatedPage]) -> list[Sample]:
    """Measure articles with sections behind, as HTML and as lines."""
    return [sample for page in pages for sample in page_samples(page, ("html", "lines")) if len(sample.shares)]


def _is_open(phrase: Phrase, recipe: Recipe) -> bool:
    return not phrase.licence.startswith(recipe.refused_licences)


def _digest_code() -> str:
    """Return a digest of the code that samples depend on: a change voids the cache."""
    import dechrome
    import dechrome_training

    digest = hashlib.sha256()
    for package, names in ((dechrome, _RUNTIME_CODE), (dechrome_training, _TRAINING_CODE)):
        for name in names:
            digest.update((Path(str(package.__file__)).parent / f"{name}.py").read_bytes())
    return digest.hexdigest()


def _digest_pages(pages: Iterable[AnnotatedPage]) -> str:
    digest = hashlib.sha256()
    for page in pages:
        digest.update(
            repr((page.id, page.html, page.text, page.gold, page.blocks, page.must_have, page.must_not)).encode(
                "utf-8", "replace"
            )
        )
    return digest.hexdigest()


def _digest_phrases(phrases: Iterable[Phrase]) -> str:
    return hashlib.sha256(repr(list(phrases)).encode("utf-8", "replace")).hexdigest()
