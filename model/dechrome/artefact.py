"""A model folder: ``model.json`` (settings, origin, scores) and ``weights.npz`` (arrays), read and verified.

Nothing in a model folder is executed. The same model always gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from dechrome.blocks import Kind, Label
from dechrome.context import FloatArray
from dechrome.errors import ModelError
from dechrome.features import CUE_BITS, FEATURE_NAMES, INPUT_NAMES, SCORE_NAMES, WORD_BITS
from dechrome.refining import DRAFT_NAMES

FORMAT: Final = 2
MAX_BYTES: Final = 64 << 20  # of weights.npz once unpacked: bounds what a hostile folder can ask for
MAX_SETTINGS_BYTES: Final = 4 << 20  # of model.json; the shipped one has 40 KB
LABELS: Final = tuple(Label)
KINDS: Final = tuple(Kind)
TAIL_BITS: Final = 14  # of the hashed words and characters of tails
TAIL_KINDS: Final = (Kind.READ_MORE, Kind.SHARE)  # kinds that the foreign tail of a content block can have
_NO_SITES: Final[Mapping[str, float]] = {"html": 0.0, "text": 0.0}
# Inputs and outputs of each network: drafts see the features, the others also what the draft made of the page.
_FINAL: Final = len(INPUT_NAMES) + len(DRAFT_NAMES)
HEADS: Final[Mapping[str, tuple[int, int]]] = {
    "html_draft": (len(INPUT_NAMES), len(LABELS)),
    "text_draft": (len(INPUT_NAMES), len(LABELS)),
    "html": (_FINAL, len(LABELS)),
    "text": (_FINAL, len(LABELS)),
    "kind": (_FINAL, len(KINDS)),
}
MAX_ROUNDS: Final = 9  # of retraining, each on top of the one before
_ADDED: Final = re.compile(f"(html|text|kind)_own[0-{MAX_ROUNDS}]|(html|text)_gate[0-{MAX_ROUNDS}]")  # adapting.py
_GATE: Final = (_FINAL, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Multilayer perceptrons (ReLU, softmax) over the same standardised inputs; their probabilities are averaged.

    ``members[i]`` lists the layers of one perceptron as pairs of weights, shape (inputs, outputs), and biases.
    """

    mean: FloatArray
    scale: FloatArray
    members: tuple[tuple[tuple[FloatArray, FloatArray], ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A trained model.

    ``heads`` maps "html" and "text", and the drafts of both, to networks over ``Label`` and "kind" to one over
    ``Kind``; networks for some pages only are in ``adapting.py``. ``word_table`` and ``cue_table`` hold one row of
    scores per bucket of the hashed words, ``tail_table`` one per bucket of what ``tails.py`` sees of the end of a
    block: what speaks for a tail, and for the second of ``TAIL_KINDS``. ``settings`` is ``model.json``.
    """

    heads: Mapping[str, Network]
    word_table: FloatArray
    cue_table: FloatArray
    tail_table: FloatArray
    settings: Mapping[str, Any] = field(repr=False)

    def site_strength(self, head: str) -> float:
        """Return how much a text that recurs on its site speaks against content, "html" or "text": see recurring.py."""
        return float(self.settings.get("site_strength", _NO_SITES)[head])

    @property
    def digest(self) -> str:
        """SHA-256 of the weights, in hexadecimal."""
        return str(self.settings["digest"])


def read_model(folder: str | Path) -> Model:
    """Read and verify a model folder.

    Raises:
        ModelError: a file is missing or damaged, or the model was made for other features; the message says which
            and what to do.
    """
    place = Path(folder)
    settings = _read_settings(place / "model.json")
    arrays = _read_arrays(place / "weights.npz", settings)
    try:
        added = [name for name in settings["layers"] if name not in HEADS]
        if not all(map(_ADDED.fullmatch, added)):
            raise ValueError(f"no network can be named {added}")
        heads = {name: _network(name, settings, arrays) for name in (*HEADS, *added)}
        model = Model(heads, arrays["word_table"], arrays["cue_table"], arrays["tail_table"], settings)
        sound = _settings_fit(settings) and _shapes_fit(model)
    except KeyError as error:
        raise ModelError(f"{place}: {error} is missing; train the model again") from error
    except (TypeError, ValueError, IndexError) as error:
        raise ModelError(f"{place}: malformed settings: {error}; train the model again") from error
    if not sound:
        raise ModelError(f"{place}: settings or shapes of weights do not fit together; train the model again")
    return model


def write_model(folder: str | Path, model: Model) -> None:
    """Write a model folder; ``digest`` and the schema in ``model.settings`` are set here."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {
        "word_table": model.word_table.astype(np.float16),
        "cue_table": model.cue_table.astype(np.float16),
        "tail_table": model.tail_table.astype(np.float16),
    }
    for name, network in model.heads.items():
        arrays[f"{name}.mean"], arrays[f"{name}.scale"] = network.mean, network.scale
        for member, layers in enumerate(network.members):
            for layer, (weights, biases) in enumerate(layers):
                arrays[f"{name}.{member}.{layer}.weights"] = weights.astype(np.float16)
                arrays[f"{name}.{member}.{layer}.biases"] = biases
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    data = buffer.getvalue()
    (place / "weights.npz").write_bytes(data)
    settings = {
        **model.settings,
        **_schema(),
        "layers": {name: [len(layers) for layers in network.members] for name, network in model.heads.items()},
        "digest": hashlib.sha256(data).hexdigest(),
    }
    text = json.dumps(settings, indent=1, ensure_ascii=False, sort_keys=True)
    (place / "model.json").write_text(text + "\n", encoding="utf-8")


def _schema() -> dict[str, Any]:
    """Return what a model must have been made for: it is refused where its own settings differ."""
    return {
        "format": FORMAT,
        "labels": list(LABELS),
        "kinds": list(KINDS),
        "feature_names": list(FEATURE_NAMES),
        "draft_names": list(DRAFT_NAMES),
        "word_bits": WORD_BITS,
        "cue_bits": CUE_BITS,
        "tail_bits": TAIL_BITS,
        "tail_kinds": list(TAIL_KINDS),
    }


def _read_settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"{path}: no such file; a model folder holds model.json and weights.npz")
    try:
        if path.stat().st_size > MAX_SETTINGS_BYTES:
            raise ModelError(f"{path}: larger than {MAX_SETTINGS_BYTES} bytes; get the model folder again")
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(settings, dict):
        raise ModelError(f"{path}: must hold an object")
    for name, value in _schema().items():
        if settings.get(name) != value:
            raise ModelError(
                f"{path}: {name!r} differs from this version of dechrome; train the model again with it"
                " (dechrome train --add labels.jsonl), or install the version that made it"
            )
    return settings


def _read_arrays(path: Path, settings: Mapping[str, Any]) -> dict[str, FloatArray]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != settings.get("digest"):
        raise ModelError(f"{path}: does not match the digest in model.json; get the model folder again")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                raise ModelError(f"{path}: larger than {MAX_BYTES} bytes once unpacked")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name].astype(np.float32) for name in file.files}
    except ModelError:
        raise
    except Exception as error:  # zipfile and numpy raise a dozen kinds on damaged archives
        raise ModelError(f"{path}: is no archive of plain arrays: {error}") from error
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ModelError(f"{path}: array {name!r} holds numbers that are not finite")
    return arrays


def _network(name: str, settings: Mapping[str, Any], arrays: Mapping[str, FloatArray]) -> Network:
    members = tuple(
        tuple(
            (arrays[f"{name}.{member}.{layer}.weights"], arrays[f"{name}.{member}.{layer}.biases"])
            for layer in range(depth)
        )
        for member, depth in enumerate(settings["layers"][name])
    )
    return Network(arrays[f"{name}.mean"], arrays[f"{name}.scale"], members)


def _settings_fit(settings: Mapping[str, Any]) -> bool:
    """Tell whether calibration, quality, presets and the threshold of tails are there, and finite.

    ``site_strength`` may be missing: such a model makes nothing of what recurs on a site.
    """
    for head in ("html", "text"):
        for knots in (settings["calibration"][head], settings["quality"][head]):
            places, values = np.array(knots[0], float), np.array(knots[1], float)
            if places.ndim != 1 or places.shape != values.shape or places.size < 2:
                return False
            if not (np.isfinite(places).all() and np.isfinite(values).all() and (np.diff(places) > 0).all()):
                return False
            if (np.diff(values) < 0).any() or values.min() < 0 or values.max() > 1:
                return False
        favor = settings["favor"][head]
        if not all(np.isfinite(float(favor[name])) for name in ("precision", "balanced", "recall")):
            return False
    for head in ("html", "text"):
        if not 0 <= float(settings.get("site_strength", _NO_SITES)[head]) < np.inf:
            return False
    return bool(0 < float(settings["tail_threshold"]) <= 1)


def _shapes_fit(model: Model) -> bool:
    """Tell whether the arrays have the shapes that labelling counts on."""
    if model.word_table.shape != (1 << WORD_BITS, len(SCORE_NAMES)) or model.cue_table.shape != (1 << CUE_BITS, 1):
        return False
    if model.tail_table.shape != (1 << TAIL_BITS, len(TAIL_KINDS)):
        return False
    for name, network in model.heads.items():
        inputs, outputs = _GATE if "_gate" in name else HEADS[name.partition("_own")[0]]
        if network.mean.shape != (inputs,) or network.scale.shape != (inputs,) or not network.members:
            return False
        for layers in network.members:
            width = inputs
            for weights, biases in layers:
                if biases.ndim != 1 or weights.shape != (width, biases.size):
                    return False
                width = biases.size
            if width != outputs or not layers:
                return False
        if "_gate" in name and [len(layers) for layers in network.members] != [1]:
            return False
    return all(
        _layer_shapes(network) == _layer_shapes(model.heads[name.partition("_own")[0]])
        for name, network in model.heads.items()
        if "_own" in name
    )


def _layer_shapes(network: Network) -> list[list[tuple[int, ...]]]:
    return [[weights.shape for weights, _ in layers] for layers in network.members]
