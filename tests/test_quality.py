"""The quality gate: scores of the shipped model stay above pinned floors, and floors go down by an explicit act alone.

The floors are in ``floors.json``; ``python tests/floors.py`` raises them. Those on public corpora are tested with
``pytest -m corpora tests/test_quality.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from dechrome.artefact import Model
from dechrome.errors import DataError
from dechrome.labelling import SHIPPED_MODEL, load_model
from dechrome_training import card
from dechrome_training.evaluation import gate
from dechrome_training.evaluation.gate import Floors, Measured, Score
from dechrome_training.recipe import read_recipe

ROOT: Final = Path(__file__).parent.parent
CORPORA: Final = ROOT.parent / "shared" / "corpora"
FLOORS: Final = Path(__file__).parent / "floors.json"


# The gate


def test_cross_validated_scores_stay_above_their_floors() -> None:
    assert faults_of(gate.fold_scores(read_settings())) == []


@pytest.mark.parametrize(("labels", "group"), [("labels", "samples"), ("short_pages_held_out", "short")])
def test_scores_on_our_own_pages_stay_above_their_floors(labels: str, group: str) -> None:
    measured = gate.sample_scores(load_model(), ROOT / "datasets" / f"{labels}.jsonl", group)
    assert len(measured.scores) > 5
    assert faults_of(measured) == []


@pytest.mark.corpora
@pytest.mark.parametrize("measure", [gate.unseen_scores, gate.kind_scores])
def test_scores_on_sets_not_trained_on_stay_above_their_floors(measure: Callable[[Model, Path], Measured]) -> None:
    assert faults_of(measure(load_model(), CORPORA)) == []


@pytest.mark.parametrize("view", ["html", "lines"])
@pytest.mark.parametrize("favor", ["precision", "recall"])
def test_presets_lean_the_way_that_they_are_named_and_keep_most_of_the_f1(view: str, favor: str) -> None:
    presets = read_settings()["scores"][view]["favor"]
    assert presets[favor][favor] > presets["balanced"][favor]
    assert presets[favor]["f1"] > 0.8 * presets["balanced"]["f1"]


def test_no_set_of_the_gate_is_trained_on() -> None:
    recipe = read_recipe(ROOT / "training" / "recipe.toml")
    assert not {*gate.UNSEEN_SETS, *gate.KIND_SETS} & set(recipe.sets)
    assert not {*gate.UNSEEN_SETS, *gate.KIND_SETS} & set(read_settings()["origin"])


def test_the_model_card_says_what_the_model_says_of_itself() -> None:
    folder = Path(os.environ.get("DECHROME_MODEL") or SHIPPED_MODEL)
    shipped = (folder / "README.md").read_text(encoding="utf-8")
    assert shipped == card.format_card(read_settings(), with_plot=(folder / card.CURVE).exists())


def faults_of(measured: Measured) -> list[str]:
    return gate.find_faults(gate.read_floors(FLOORS), measured)


def read_settings() -> Mapping[str, Any]:
    return load_model().settings


# What the gate does

OLD: Final = Floors({"g": "d"}, {"g/a": 0.8, "g/b": 0.7, "other/a": 0.1})
NEW: Final = Measured("g", "d", {"g/a": Score(0.9, 100), "g/b": Score(0.6, 100), "g/c": Score(0.5, 100)})


def test_a_score_below_its_floor_and_a_floor_without_score_are_faults() -> None:
    assert gate.find_faults(OLD, NEW) == ["g/b: 0.6000 is below the floor 0.7"]
    assert gate.find_faults(OLD, replace(NEW, scores={"g/a": Score(float("nan"), 1)})) == [
        "g/a: nan is below the floor 0.8",
        "g/b: has a floor, but was not measured",
    ]


def test_other_data_are_a_fault_and_raise_no_floor() -> None:
    changed = replace(NEW, digest="e")
    assert gate.find_faults(OLD, changed) == ["g: the data are others than the floors were measured on"]
    assert gate.raise_floors(OLD, changed) == OLD


def test_floors_are_raised_by_scores_and_never_lowered() -> None:
    raised = gate.raise_floors(OLD, NEW)
    assert raised.floors == {"g/a": 0.885, "g/b": 0.7, "g/c": 0.485, "other/a": 0.1}
    assert gate.raise_floors(Floors({}, {}), NEW).data == {"g": "d"}
    assert gate.raise_floors(raised, NEW) == raised


def test_a_floor_is_lowered_by_name_and_reason_alone() -> None:
    lowered = gate.lower_floor(OLD, [NEW], "g/b", "another gold")
    assert lowered.floors == {**OLD.floors, "g/b": 0.585}
    assert lowered.lowered == ({"name": "g/b", "reason": "another gold", "from": {"g/b": 0.7}, "to": {"g/b": 0.585}},)
    with pytest.raises(DataError, match="for a reason"):
        gate.lower_floor(OLD, [NEW], "g/b", " ")
    for name in ("g/z", "other/a", "z"):
        with pytest.raises(DataError, match=f"{name}: no such floor"):
            gate.lower_floor(OLD, [NEW], name, "why not")


def test_a_group_whose_data_have_changed_is_set_anew_by_name_and_reason() -> None:
    changed = replace(NEW, digest="e", scores={"g/a": Score(0.5, 100)})
    lowered = gate.lower_floor(OLD, [changed], "g", "other pages")
    assert lowered.data == {"g": "e"}
    assert lowered.floors == {"g/a": 0.485, "other/a": 0.1}
    assert gate.find_faults(gate.raise_floors(lowered, changed), changed) == []


def test_floors_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "floors.json"
    lowered = gate.lower_floor(OLD, [NEW], "g/b", "another gold")
    gate.write_floors(path, lowered)
    assert gate.read_floors(path) == lowered
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match=r"floors\.json"):
        gate.read_floors(path)


def test_the_data_of_the_sample_pages_are_known_by_their_bytes(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    labels = tmp_path / "labels.jsonl"
    digests = set()
    for text in ("a", "b"):
        labels.write_text(text, encoding="utf-8")
        for page in ("x", "y"):
            (tmp_path / "pages" / "page.html").write_text(page, encoding="utf-8")
            digests.add(gate.digest_folder(tmp_path))
    assert len(digests) == 4


def test_the_command_raises_floors_and_refuses_to_lower_them(tmp_path: Path) -> None:
    path = tmp_path / "floors.json"
    gate.write_floors(path, Floors({}, {"samples/label accuracy": 0.0, "samples/label content recall": 1.01}))
    script, nowhere = str(ROOT / "tests" / "floors.py"), str(tmp_path / "none")
    command = [sys.executable, script, "--floors", str(path), "--corpora", nowhere]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 1, refused.stderr
    assert "refused: samples/label content recall" in refused.stderr
    floors = gate.read_floors(path).floors
    assert floors["samples/label accuracy"] > 0
    assert floors["samples/label content recall"] == 1.01
    lowered = subprocess.run(
        [*command, "--lower", "samples/label content recall", "--reason", "nothing is above 1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert lowered.returncode == 0, lowered.stderr
    assert gate.read_floors(path).lowered[0]["reason"] == "nothing is above 1"
