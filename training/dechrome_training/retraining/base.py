"""The base sample: some pages of a model's training as features, so that retraining forgets nothing.

It stands in the model folder as ``sample.npz``. It holds no text: of each block the features of the block itself, what
word tables and a draft that had not seen its page made of it, its place in the containers of the page, and its label.
What else the networks see is computed from these, by the functions that compute it for every page. Values are kept in
one byte, as the place in a list of 256 values of that column.

Pages are in it to learn from, or to check with: no site is in both parts.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dechrome.artefact import Model
from dechrome.characters import IntArray
from dechrome.context import Extents, FloatArray, find_extents
from dechrome.errors import ModelError
from dechrome.features import FEATURE_NAMES, OWN_NAMES, SCORE_NAMES, CuePhrases, Features, fill_around
from dechrome.inference import Scores, network_inputs
from dechrome.refining import measure_draft
from dechrome_training.align import words_of
from dechrome_training.corpus import OWN_SOURCE
from dechrome_training.recipe import Recipe
from dechrome_training.retraining.rows import PageRows, count_words
from dechrome_training.samples import VIEWS, Sample
from dechrome_training.stacking import Unseen
from dechrome_training.weights import block_weights, page_weight

FILE: Final = "sample.npz"
MAX_BYTES: Final = 10_000_000  # of the file
MAX_UNPACKED: Final = 200 << 20  # bounds what a hostile folder can ask for
_FORMAT: Final = 1
_COLUMNS: Final = (*OWN_NAMES, *(f"words_{name}" for name in SCORE_NAMES), "cues", "draft")
_LEVELS: Final = 256  # values that a column is kept in
_LONGEST: Final = 1200  # blocks of a page; longer ones would leave no room for others
_JOINED: Final = 20_000  # blocks whose inputs are computed together
_UNKNOWN_SHARE: Final = 255
_MOST_SHARE: Final = 200
# Blocks of each view that are kept, to learn from and to check with.
_LEARN_BLOCKS: Final[Mapping[str, int]] = {
    "html": 125_000, "lines": 60_000, "leftovers": 10_000, "written": 12_000, "phrase": 2_000, "piece": 5_000,
    "marked": 3_000, "short": 4_000, "short_marked": 3_000,
}  # fmt: skip
_CHECK_BLOCKS: Final[Mapping[str, int]] = {"html": 40_000, "lines": 24_000}
_CHECK_PART: Final = 4  # one site in so many is there to check with


class BaseSample(NamedTuple):
    """The pages of a base sample: ``learn`` from these, ``check`` with those."""

    learn: list[PageRows]
    check: list[PageRows]


def choose_pages(samples: Sequence[Sample]) -> dict[int, bool]:
    """Return the numbers of the samples that are kept; the value says whether they are there to check with.

    The choice follows from the names of pages and sites alone. Written pages are only learned from, but not those made
    from sites to check with.
    """
    left = {(view, check): blocks for check, of in ((False, _LEARN_BLOCKS), (True, _CHECK_BLOCKS))
            for view, blocks in of.items()}  # fmt: skip
    chosen: dict[int, bool] = {}
    for number in sorted(range(len(samples)), key=lambda n: (_hash(f"{samples[n].id} {samples[n].texts[:1]}"), n)):
        sample = samples[number]
        check = sample.view != "phrase" and _hash(sample.group) % _CHECK_PART == 0
        if check and (sample.gold is None or sample.source == OWN_SOURCE or sample.view not in _CHECK_BLOCKS):
            continue
        room = left[sample.view, check]
        if 0 < len(sample.shares) <= min(room, _LONGEST):
            left[sample.view, check] = room - len(sample.shares)
            chosen[number] = check
    return dict(sorted(chosen.items()))


def write_base(
    folder: Path, model: Model, samples: Sequence[Sample], chosen: Mapping[int, bool], unseen: Mapping[int, Unseen],
    recipe: Recipe,
) -> None:  # fmt: skip
    """Write the base sample of a model into its folder; the same pages give the same bytes.

    Where it would be larger than ``MAX_BYTES``, one page in ten is left out, as often as it takes.
    """
    data = pack(model, samples, chosen, unseen, recipe)
    while len(data) > MAX_BYTES and len(chosen) > 1:
        chosen = {number: check for n, (number, check) in enumerate(chosen.items()) if n % 10}
        data = pack(model, samples, chosen, unseen, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(data)


def pack(
    model: Model, samples: Sequence[Sample], chosen: Mapping[int, bool], unseen: Mapping[int, Unseen], recipe: Recipe
) -> bytes:
    """Return a base sample as bytes of an npz archive."""
    kept = [samples[number] for number in chosen]
    parts = [unseen[number] for number in chosen]
    values = np.concatenate([_own_values(sample, part) for sample, part in zip(kept, parts, strict=True)])
    codes, levels = _quantise(values)
    ranges = np.concatenate([_ranges(sample.features) for sample in kept]).astype(np.uint16)
    shares = np.concatenate([sample.shares for sample in kept])
    names = {
        field: sorted({str(getattr(sample, field) or "") for sample in kept})
        for field in ("source", "view", "language", "page_type")
    }
    facts = {"format": _FORMAT, "columns": list(_COLUMNS), "foundation": digest_foundation(model), "names": names}
    arrays: dict[str, Any] = {
        "facts": np.frombuffer(json.dumps(facts, sort_keys=True).encode(), np.uint8),
        "codes": np.ascontiguousarray(codes.T),  # a column is one run of bytes: packs better
        "levels": levels,
        "ranges": np.ascontiguousarray(ranges.T),
        "likes": np.concatenate([_local_numbers(sample.features.likes) for sample in kept]).astype(np.uint16),
        "lengths": np.concatenate([sample.features.lengths for sample in kept]).astype(np.uint32),
        "words": np.concatenate([count_words(sample) for sample in kept]).astype(np.uint32),
        "shares": np.where(np.isnan(shares), _UNKNOWN_SHARE, np.rint(np.nan_to_num(shares) * _MOST_SHARE)).astype(
            np.uint8
        ),
        "images": np.concatenate([sample.images for sample in kept]),
        "kinds": np.concatenate([sample.kinds for sample in kept]).astype(np.int8),
        "sizes": np.array([len(sample.shares) for sample in kept], np.uint32),
        "check": np.array(list(chosen.values()), bool),
        "gold_words": np.array([-1 if s.gold is None else len(words_of(s.gold)) for s in kept], np.int32),
        "page_weights": np.array([page_weight(s.source, s.view, recipe) for s in kept], np.float32),
        "groups": np.array([int(site_number(sample.group)) for sample in kept], np.uint32),
        **{
            field: np.array([names[field].index(str(getattr(s, field) or "")) for s in kept], np.uint8)
            for field in names
        },
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def read_base(folder: Path, model: Model) -> BaseSample:
    """Read the base sample of a model folder, verified.

    Raises:
        ModelError: it is missing or damaged, or belongs to another model; the message says what to do.
    """
    path = folder / FILE
    arrays = _read_arrays(path)
    try:
        facts = json.loads(arrays["facts"].astype(np.uint8).tobytes())
        if facts["format"] != _FORMAT or facts["columns"] != list(_COLUMNS):
            raise ModelError(f"{path}: made for other features; train the model again with this version of dechrome")
        if facts["foundation"] != digest_foundation(model):
            raise ModelError(f"{path}: belongs to another model; get the model folder again")
        pages = list(_unpack(arrays, facts["names"]))
        return BaseSample(
            [page for page, check in zip(pages, arrays["check"], strict=True) if not check],
            [page for page, check in zip(pages, arrays["check"], strict=True) if check],
        )
    except (KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: malformed: {error}; get the model folder again") from error


def digest_foundation(model: Model) -> str:
    """Return a digest of the tables and drafts: retraining leaves them alone, and a base sample rests on them."""
    digest = hashlib.sha256()
    arrays = [model.word_table, model.cue_table]
    for head in ("html_draft", "text_draft"):
        network = model.heads[head]
        arrays += [network.mean, network.scale, *(a for layers in network.members for pair in layers for a in pair)]
    for array in arrays:
        digest.update(array.astype(np.float16).tobytes())
    return digest.hexdigest()


def site_number(group: str) -> str:
    """Return what stands for the name of a site in a base sample."""
    return str(_hash(group))


def _own_values(sample: Sample, unseen: Unseen) -> FloatArray:
    """Return what cannot be computed from the rest of the page, shape (blocks, len(_COLUMNS))."""
    own = sample.features.dense[:, : len(OWN_NAMES)]
    return np.column_stack((own, unseen.scores.words, unseen.scores.cues, unseen.draft)).astype(np.float32)


def _quantise(values: FloatArray) -> tuple[NDArray[np.uint8], FloatArray]:
    """Return, for each value, its place among the levels of its column; and the levels, shape (columns, _LEVELS)."""
    codes = np.empty(values.shape, np.uint8)
    levels = np.empty((values.shape[1], _LEVELS), np.float32)
    for column in range(values.shape[1]):
        found = _levels(values[:, column])
        levels[column] = np.pad(found, (0, _LEVELS - found.size), mode="edge")
        middles = (found[1:].astype(np.float64) + found[:-1]) / 2
        codes[:, column] = np.searchsorted(middles, values[:, column])
    return codes, levels


def _levels(values: FloatArray) -> FloatArray:
    """Return at most _LEVELS values that stand for all: half of them as dense as the values, half evenly spread."""
    distinct = np.unique(values)
    if distinct.size <= _LEVELS:
        return distinct
    dense = np.quantile(values, np.linspace(0, 1, _LEVELS // 2 - 1), method="nearest")
    low, high = np.quantile(values, (0.0005, 0.9995), method="nearest")
    even = np.linspace(low, high, _LEVELS // 2).astype(np.float32)
    return np.unique(np.concatenate((dense, even, np.zeros(1, np.float32))))


def _ranges(features: Features) -> IntArray:
    """Return how far each enclosing container reaches before and after the block, shape (blocks, 2 levels)."""
    places = np.arange(len(features.lengths))[:, None]
    return np.concatenate((places - features.first, features.last - places), axis=1)


def _local_numbers(likes: NDArray[Any]) -> IntArray:
    return np.unique(likes, return_inverse=True)[1]


def _unpack(arrays: Mapping[str, NDArray[Any]], names: Mapping[str, Sequence[str]]) -> Iterator[PageRows]:
    sizes = arrays["sizes"].astype(np.int64)
    if not sizes.size or sizes.min() < 1:
        raise ValueError("a page without blocks")
    ends = np.cumsum(sizes)
    shape = (len(_COLUMNS), ends[-1])
    if arrays["codes"].shape != shape or arrays["levels"].shape != (len(_COLUMNS), _LEVELS):
        raise ValueError("shapes do not fit together")
    parts = np.searchsorted(ends, np.arange(_JOINED, ends[-1] + _JOINED, _JOINED), side="left") + 1
    first = 0
    for last in np.unique(np.minimum(parts, sizes.size)).tolist():
        rows = slice(ends[first] - sizes[first], ends[last - 1])
        inputs = _inputs(arrays, rows, find_extents(sizes[first:last].tolist()))
        for number in range(first, last):
            start = ends[number] - sizes[number]
            own = slice(start, ends[number])
            yield _page(arrays, names, number, own, inputs[start - rows.start : ends[number] - rows.start])
        first = last


def _page(
    arrays: Mapping[str, NDArray[Any]], names: Mapping[str, Sequence[str]], number: int, rows: slice, inputs: FloatArray
) -> PageRows:
    name = {field: names[field][arrays[field][number]] for field in names}
    if name["view"] not in VIEWS:
        raise ValueError(f"no view {name['view']!r}")
    lengths = arrays["lengths"][rows].astype(np.int64)
    raw = arrays["shares"][rows]
    shares = np.where(raw == _UNKNOWN_SHARE, np.nan, raw / np.float32(_MOST_SHARE)).astype(np.float32)
    images = arrays["images"][rows].astype(bool)
    gold_words = int(arrays["gold_words"][number])
    return PageRows(
        f"base {number + 1}",
        str(arrays["groups"][number]),
        name["source"],
        name["view"],
        name["language"] or None,
        name["page_type"] or None,
        inputs,
        shares,
        images,
        arrays["kinds"][rows].astype(np.int8),
        lengths,
        arrays["words"][rows].astype(np.int64),
        block_weights(shares, images, lengths, float(arrays["page_weights"][number])),
        None if gold_words < 0 else gold_words,
    )


def _inputs(arrays: Mapping[str, NDArray[Any]], rows: slice, extents: Extents) -> FloatArray:
    """Return the inputs of the final networks for some pages, from what was kept of them."""
    columns = np.arange(len(_COLUMNS))[:, None]
    values = arrays["levels"].astype(np.float32)[columns, arrays["codes"][:, rows]].T
    own, words, cues, draft = np.split(
        values, [len(OWN_NAMES), len(OWN_NAMES) + len(SCORE_NAMES), len(_COLUMNS) - 1], axis=1
    )
    dense = np.empty((len(FEATURE_NAMES), len(values)), np.float32).T
    dense[:, : len(OWN_NAMES)] = own
    fill_around(dense, extents)
    places = np.arange(len(values))
    before, after = np.split(arrays["ranges"][:, rows].T.astype(np.int64), 2, axis=1)
    first = np.maximum(places[:, None] - before, extents.first[:, None])
    last = np.minimum(places[:, None] + after, extents.end[:, None] - 1)
    likes = arrays["likes"][rows].astype(np.uint64) + (extents.owners.astype(np.uint64) << np.uint64(32))
    nothing = np.zeros(0, np.int64)
    lengths = arrays["lengths"][rows].astype(np.int64)
    phrases = CuePhrases(nothing, nothing, nothing, nothing)
    features = Features(dense, nothing, nothing, phrases, first, last, lengths, likes, extents)
    first_pass = network_inputs(features, Scores(words, cues[:, 0]))
    return np.concatenate((first_pass, measure_draft(draft[:, 0], features)), axis=1)


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read: {error.strerror}; a model is retrained beside its base sample"
        ) from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(data) > MAX_BYTES or sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
                raise ModelError(f"{path}: too large; get the model folder again")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except ModelError:
        raise
    except Exception as error:  # zipfile and numpy raise a dozen kinds on damaged archives
        raise ModelError(f"{path}: is no archive of plain arrays: {error}") from error
    if not np.isfinite(arrays.get("levels", np.full(1, np.nan))).all():
        raise ModelError(f"{path}: holds numbers that are not finite; get the model folder again")
    return arrays


def _hash(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "replace"))
