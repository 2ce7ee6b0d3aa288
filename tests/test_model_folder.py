"""The model folder: what is written is read again, and what is damaged is refused before anything is used."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from dechrome import artefact
from dechrome.artefact import HEADS, TAIL_BITS, TAIL_KINDS, Model, Network, read_model, write_model
from dechrome.context import FloatArray
from dechrome.errors import ModelError
from dechrome.features import CUE_BITS, FEATURE_NAMES, SCORE_NAMES, WORD_BITS
from dechrome.inference import predict_proba
from dechrome.labelling import label_html

SETTINGS: Final[Mapping[str, Any]] = {
    "calibration": {head: [[0.0, 1.0], [0.0, 1.0]] for head in ("html", "text")},
    "favor": {head: {"precision": 1.0, "balanced": 0.0, "recall": -1.0} for head in ("html", "text")},
    "quality": {head: [[0.0, 1.0], [0.0, 1.0]] for head in ("html", "text")},
    "origin": {"crânes 頭": 3},
    "tail_threshold": 0.5,
}
HIDDEN: Final = 3


@cache
def make_model() -> Model:
    """Return a tiny random model whose numbers are the same in half precision."""
    random = np.random.default_rng(7)
    heads = {head: _make_network(random, *sizes) for head, sizes in HEADS.items()}
    words = np.zeros((1 << WORD_BITS, len(SCORE_NAMES)), np.float32)
    words[:9] = _draw(random, 9, len(SCORE_NAMES))
    cues = np.zeros((1 << CUE_BITS, 1), np.float32)
    cues[:9] = _draw(random, 9, 1)
    tails = np.zeros((1 << TAIL_BITS, len(TAIL_KINDS)), np.float32)
    tails[:9] = _draw(random, 9, len(TAIL_KINDS))
    return Model(heads, words, cues, tails, SETTINGS)


def _make_network(random: np.random.Generator, inputs: int, outputs: int) -> Network:
    members = tuple(
        (
            (_draw(random, inputs, HIDDEN), _draw(random, HIDDEN)),
            (_draw(random, HIDDEN, outputs), _draw(random, outputs)),
        )
        for _ in range(2)
    )
    return Network(_draw(random, inputs), np.ones(inputs, np.float32), members)


def _draw(random: np.random.Generator, *shape: int) -> FloatArray:
    return random.integers(-64, 64, shape).astype(np.float32) / np.float32(64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path / "tiny", make_model())
    return tmp_path / "tiny"


def read_arrays(folder: Path) -> dict[str, Any]:
    with np.load(folder / "weights.npz") as file:
        return {name: file[name] for name in file.files}


def replace_weights(folder: Path, data: bytes) -> None:
    """Write other weights together with the digest that fits them: what is past the digest has to hold too."""
    (folder / "weights.npz").write_bytes(data)
    change_settings(folder, digest=hashlib.sha256(data).hexdigest())


def replace_arrays(folder: Path, arrays: Mapping[str, Any]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    replace_weights(folder, buffer.getvalue())


def change_settings(folder: Path, **changes: Any) -> None:
    """Change entries of model.json; None takes one out."""
    path = folder / "model.json"
    entries = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    kept = {name: value for name, value in entries.items() if value is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")


def test_a_model_is_read_as_it_was_written(folder: Path) -> None:
    written, read = make_model(), read_model(folder)
    np.testing.assert_array_equal(read.word_table, written.word_table)
    np.testing.assert_array_equal(read.cue_table, written.cue_table)
    assert set(read.heads) == set(written.heads)
    for head, network in written.heads.items():
        inputs = np.random.default_rng(1).normal(size=(5, HEADS[head][0])).astype(np.float32)
        np.testing.assert_array_equal(predict_proba(read.heads[head], inputs), predict_proba(network, inputs))
    assert {name: read.settings[name] for name in SETTINGS} == SETTINGS
    assert read.settings["feature_names"] == list(FEATURE_NAMES)
    assert read.digest == hashlib.sha256((folder / "weights.npz").read_bytes()).hexdigest()


def test_a_model_that_was_read_labels_pages(folder: Path) -> None:
    page = label_html("<p>A fox ran.</p><nav>Home</nav>", model=read_model(folder))
    assert [block.text for block in page.blocks] == ["A fox ran.", "Home"]


def test_writing_twice_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "again", make_model())
    write_model(tmp_path / "copy", read_model(folder))
    for name in ("model.json", "weights.npz"):
        expected = (folder / name).read_bytes()
        assert (tmp_path / "again" / name).read_bytes() == expected
        assert (tmp_path / "copy" / name).read_bytes() == expected


def test_a_model_folder_holds_two_files(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "weights.npz"]


def test_a_missing_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere.model\.json"):
        read_model(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["model.json", "weights.npz"])
def test_a_missing_file_is_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"tiny.{name}"):
        read_model(folder)


def test_changed_weights_are_refused_by_their_digest(folder: Path) -> None:
    path = folder / "weights.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"weights\.npz: does not match the digest"):
        read_model(folder)


def test_a_truncated_file_is_refused_by_its_digest(folder: Path) -> None:
    path = folder / "weights.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"weights\.npz: does not match the digest"):
        read_model(folder)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "null", '"model"', "\ufeff{}", "{}", '{"format": 1}', "[" * 100_000, "\0", '{"a": NaN}'],
    ids=range(12),
)
def test_settings_that_are_no_fitting_object_are_refused(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"model\.json"):
        read_model(folder)


def test_settings_that_are_no_text_are_refused(folder: Path) -> None:
    (folder / "model.json").write_bytes(b"\x80\x04\xff\xfe")
    with pytest.raises(ModelError, match=r"model\.json"):
        read_model(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", 0),
        ("labels", ["content", "chrome"]),
        ("kinds", ["other"]),
        ("feature_names", [*FEATURE_NAMES[1:], FEATURE_NAMES[0]]),
        ("feature_names", list(FEATURE_NAMES[:-1])),
        ("feature_names", None),
        ("word_bits", WORD_BITS + 1),
        ("cue_bits", "14"),
    ],
)
def test_a_model_for_other_features_or_labels_is_refused(folder: Path, name: str, value: Any) -> None:
    change_settings(folder, **{name: value})
    with pytest.raises(ModelError, match=rf"model\.json: '{name}' differs"):
        read_model(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("digest", None),
        ("digest", 3),
        ("layers", None),
        ("layers", 3),
        ("layers", {"html": [2, 2]}),
        ("layers", {"html": 2, "text": 2, "kind": 2}),
        ("layers", {"html": ["2"], "text": [2], "kind": [2]}),
        ("layers", {"html": [], "text": [], "kind": []}),
        ("layers", {"html": [0], "text": [0], "kind": [0]}),
        ("layers", {"html": [1], "text": [1], "kind": [1]}),
        ("layers", {"html": [3], "text": [3], "kind": [3]}),
        ("calibration", None),
        ("favor", None),
        ("quality", None),
        ("calibration", {"html": [[0, 1], [0]], "text": [[0, 1], [0, 1]]}),
        ("favor", {"html": {"balanced": 0}, "text": {"balanced": 0}}),
        ("quality", 1),
        ("tail_threshold", None),
        ("tail_threshold", 0),
        ("tail_threshold", "high"),
    ],
)
def test_settings_that_labelling_cannot_use_are_refused(folder: Path, name: str, value: Any) -> None:
    change_settings(folder, **{name: value})
    with pytest.raises(ModelError, match="tiny"):
        read_model(folder)


def retrained_model() -> Model:
    model, random = make_model(), np.random.default_rng(8)
    inputs = HEADS["html"][0]
    gate = Network(
        _draw(random, inputs), np.ones(inputs, np.float32), (((_draw(random, inputs, 2), _draw(random, 2)),),)
    )
    return replace(model, heads={**model.heads, "html_own1": model.heads["text"], "html_gate1": gate})


def test_networks_of_a_retraining_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_model(tmp_path, retrained_model())
    read = read_model(tmp_path)
    assert set(read.heads) == {*HEADS, "html_own1", "html_gate1"}
    assert label_html("<p>A fox ran.</p><nav>Home</nav>", model=read).blocks


@pytest.mark.parametrize(
    ("name", "other"),
    [("html_own1", "kind"), ("html_own1", "html_gate1"), ("html_gate1", "html"), ("kind_own1", "html")],
)
def test_networks_of_a_retraining_that_do_not_fit_are_refused(name: str, other: str, tmp_path: Path) -> None:
    model = retrained_model()
    write_model(tmp_path / "tiny", replace(model, heads={**model.heads, name: model.heads[other]}))
    with pytest.raises(ModelError, match="tiny"):
        read_model(tmp_path / "tiny")


@pytest.mark.parametrize("members", [2, 1], ids=["two members", "two layers"])
def test_a_gate_is_a_single_layer(members: int, tmp_path: Path) -> None:
    model = retrained_model()
    gate = model.heads["html_gate1"]
    second = (np.zeros((2, 2), np.float32), np.zeros(2, np.float32))
    layers = gate.members[0] if members == 2 else (*gate.members[0], second)
    changed = replace(gate, members=(layers,) * members)
    write_model(tmp_path / "tiny", replace(model, heads={**model.heads, "html_gate1": changed}))
    with pytest.raises(ModelError, match="tiny"):
        read_model(tmp_path / "tiny")


@pytest.mark.parametrize("name", ["html_own10", "html_draft_own1", "kind_gate1", "other", "text_own1 "])
def test_networks_of_other_names_are_refused(name: str, tmp_path: Path) -> None:
    model = retrained_model()
    write_model(tmp_path / "tiny", replace(model, heads={**model.heads, name: model.heads["html"]}))
    with pytest.raises(ModelError, match="no network can be named"):
        read_model(tmp_path / "tiny")


class _Bomb:  # what a pickle runs when it is loaded; pickle wants a class
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.target,)


def test_a_pickle_among_the_arrays_is_refused_and_not_run(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    bomb = np.empty(1, object)
    bomb[0] = _Bomb(target)
    replace_arrays(folder, {**read_arrays(folder), "cue_table": bomb})
    with pytest.raises(ModelError, match=r"weights\.npz: is no archive of plain arrays"):
        read_model(folder)
    assert not target.exists()
    with np.load(folder / "weights.npz", allow_pickle=True) as file:
        assert file["cue_table"].shape == (1,)
    assert target.exists(), "the pickle would have run"


def test_a_pickle_in_place_of_the_archive_is_refused_and_not_run(folder: Path, tmp_path: Path) -> None:
    replace_weights(folder, b"cpathlib\nPath.touch\n(cpathlib\nPath\n(V" + str(tmp_path / "x").encode() + b"\ntRtR.")
    with pytest.raises(ModelError, match=r"weights\.npz: is no archive of plain arrays"):
        read_model(folder)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["word_table", "html.scale", "kind.0.1.biases", "text.1.0.weights"])
def test_weights_that_are_not_finite_are_refused(folder: Path, name: str, value: float) -> None:
    arrays = read_arrays(folder)
    arrays[name].flat[-1] = value
    replace_arrays(folder, arrays)
    with pytest.raises(ModelError, match=rf"weights\.npz: array '{name}' holds numbers that are not finite"):
        read_model(folder)


@pytest.mark.parametrize(
    "name", ["word_table", "cue_table", "tail_table", "html.mean", "kind.scale", "text.0.0.weights"]
)
def test_a_missing_array_is_refused_by_name(folder: Path, name: str) -> None:
    arrays = read_arrays(folder)
    del arrays[name]
    replace_arrays(folder, arrays)
    with pytest.raises(ModelError, match=rf"tiny: '{name}' is missing"):
        read_model(folder)


def _cut_first(array: Any) -> Any:
    return array[:-1]


def _cut_second(array: Any) -> Any:
    return array[:, :-1]


@pytest.mark.parametrize(
    ("names", "change"),
    [
        (["word_table"], _cut_first),
        (["word_table"], _cut_second),
        (["word_table"], np.ravel),
        (["word_table"], lambda array: array[:, 0]),
        (["cue_table"], _cut_first),
        (["cue_table"], np.ravel),
        (["cue_table"], _cut_second),
        (["tail_table"], _cut_first),
        (["tail_table"], _cut_second),
        (["html.mean"], _cut_first),
        (["html.scale"], _cut_first),
        (["html.scale"], lambda array: array[0]),
        (["html.mean", "html.scale"], lambda array: array[:, None]),
        (["html.0.0.weights"], _cut_first),
        (["html.0.0.weights"], np.transpose),
        (["kind.1.0.biases"], _cut_first),
        (["kind.1.1.biases"], lambda array: array[0]),
        (["text.0.1.weights"], _cut_second),
        (["text.0.1.weights", "text.0.1.biases"], lambda array: array[..., :-1]),
        (["html.mean", "html.scale", "html.0.0.weights", "html.1.0.weights"], _cut_first),
    ],
    ids=range(20),
)
def test_weights_of_other_shapes_are_refused(folder: Path, names: list[str], change: Callable[[Any], Any]) -> None:
    arrays = read_arrays(folder)
    replace_arrays(folder, arrays | {name: change(arrays[name]) for name in names})
    with pytest.raises(ModelError, match="tiny"):
        read_model(folder)


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a", "b"]),
        np.array([b"a"]),
        np.array([(1, 2)], [("a", "i4"), ("b", "i4")]),
        np.array(["2024-01-01"], "M8[D]"),
    ],
    ids=lambda array: str(array.dtype),
)
def test_arrays_of_anything_but_numbers_are_refused(folder: Path, array: Any) -> None:
    replace_arrays(folder, {**read_arrays(folder), "cue_table": array})
    with pytest.raises(ModelError, match="tiny"):
        read_model(folder)


def test_a_member_that_is_no_array_is_refused(folder: Path) -> None:
    data = io.BytesIO((folder / "weights.npz").read_bytes())
    with zipfile.ZipFile(data, "a") as archive:
        archive.writestr("notes.txt", "hello")
    replace_weights(folder, data.getvalue())
    with pytest.raises(ModelError, match=r"weights\.npz"):
        read_model(folder)


def _write_member(header: bytes, size: int) -> bytes:
    """Return an archive with one array whose header says anything."""
    padded = header + b" " * (-(len(header) + 11) % 64) + b"\n"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        member = b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + b"\0" * size
        archive.writestr("word_table.npy", member)
    return data.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        b"\x93NUMPY\x01\x00v\x00{",
        _write_member(b"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", 3),
        _write_member(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }", 16),
        _write_member(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 16),
        _write_member(b"{'descr': '|O', 'fortran_order': False, 'shape': (4,), }", 16),
        _write_member(b"{'descr': __import__('os'), 'fortran_order': False, 'shape': (4,), }", 16),
        _write_member(b"((((", 16),
    ],
    ids=range(9),
)
def test_hostile_archives_are_refused(folder: Path, data: bytes) -> None:
    replace_weights(folder, data)
    with pytest.raises(ModelError, match=r"weights\.npz"):
        read_model(folder)


def test_an_archive_that_unpacks_to_more_than_the_limit_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artefact, "MAX_BYTES", 1_000)
    with pytest.raises(ModelError, match=r"weights\.npz: larger than 1000 bytes once unpacked"):
        read_model(folder)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9, 0.99])
def test_an_archive_cut_short_is_refused_also_where_its_digest_fits(folder: Path, share: float) -> None:
    data = (folder / "weights.npz").read_bytes()
    replace_weights(folder, data[: int(len(data) * share)])
    with pytest.raises(ModelError, match=r"weights\.npz"):
        read_model(folder)


@pytest.mark.parametrize("position", range(0, 2_000, 80))
def test_an_archive_with_a_damaged_byte_is_refused_or_read_as_before(folder: Path, position: int) -> None:
    data = bytearray((folder / "weights.npz").read_bytes())
    data[position] ^= 0x55
    replace_weights(folder, bytes(data))
    with suppress(ModelError):
        np.testing.assert_array_equal(read_model(folder).word_table, make_model().word_table)


def test_a_model_without_a_head_is_refused(folder: Path) -> None:
    arrays = {name: array for name, array in read_arrays(folder).items() if not name.startswith("kind.")}
    replace_arrays(folder, arrays)
    with pytest.raises(ModelError, match=r"tiny: 'kind\..*' is missing"):
        read_model(folder)


def test_a_folder_may_be_a_path_or_a_string_and_may_have_any_name(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "模型 v2")
    assert read_model(str(tmp_path / "模型 v2")).digest == read_model(folder).digest
