"""The recipe: what to train on and how, read from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dechrome.errors import DataError


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of a training run; ``training/recipe.toml`` says what each is."""

    folds: int
    written_pages: int
    sets: dict[str, float]
    refused_licences: tuple[str, ...]
    own_phrases: Path
    own_images: int
    own_look_alikes: int
    own_written_pages: int
    views: dict[str, float]
    regularisation: float
    iterations: int
    kind_regularisation: float
    kind_iterations: int
    hidden: tuple[int, ...]
    members: int
    kind_members: int
    fold_members: int
    alpha: float
    kind_alpha: float
    learning_rate: float
    epochs: int
    batch: int
    favor_step: float


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        DataError: the file is missing, is no TOML, or lacks a field; the message names it.
    """
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        words, network, phrases = data["words"], data["network"], data["phrases"]
        return Recipe(
            folds=data["folds"],
            written_pages=data["written_pages"],
            sets=data["sets"],
            refused_licences=tuple(phrases["refused_licences"]),
            own_phrases=path.parent / phrases["own"],
            own_images=phrases["own_images"],
            own_look_alikes=phrases["own_look_alikes"],
            own_written_pages=phrases["own_written_pages"],
            views=data["views"],
            regularisation=words["regularisation"],
            iterations=words["iterations"],
            kind_regularisation=words["kind_regularisation"],
            kind_iterations=words["kind_iterations"],
            hidden=tuple(network["hidden"]),
            members=network["members"],
            kind_members=network["kind_members"],
            fold_members=network["fold_members"],
            alpha=network["alpha"],
            kind_alpha=network["kind_alpha"],
            learning_rate=network["learning_rate"],
            epochs=network["epochs"],
            batch=network["batch"],
            favor_step=data["favor"]["step"],
        )
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: {error}") from error
    except KeyError as error:
        raise DataError(f"{path}: field {error} is missing") from error
