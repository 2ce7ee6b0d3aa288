"""The recipe: what to train on and how, read from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dechrome.errors import DataError


@dataclass(frozen=True, slots=True)
class NetworkRecipe:
    """How one kind of network is fitted: ``members`` perceptrons that differ in their seed."""

    members: int
    hidden: tuple[int, ...]
    alpha: float
    learning_rate: float
    decay: float
    epochs: int
    batch: int


@dataclass(frozen=True, slots=True)
class SortRecipe:
    """How a network for pages of one sort goes on from the one for all pages, and the gate to it is fitted.

    With fewer than ``least_pages`` of the sort, or others, there is none.
    """

    epochs: int
    regularisation: float
    least_pages: int


@dataclass(frozen=True, slots=True)
class ShortTextRecipe(SortRecipe):
    """The same for texts of fewer than ``most_words`` words and pages written line by line.

    The latter count ``by_line`` times their weight in the network for short texts.
    """

    most_words: int
    by_line: float


@dataclass(frozen=True, slots=True)
class TailRecipe:
    """How the table of foreign tails is fitted: phrases of these sources, and the share of content trimmed at most."""

    sources: tuple[str, ...]
    false_trims: float
    tail_weight: float
    regularisation: float
    iterations: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of a training run; ``training/recipe.toml`` says what each is."""

    folds: int
    written_pages: int
    sets: dict[str, float]
    refused_licences: tuple[str, ...]
    own_phrases: Path
    own_pages: Path
    own_images: int
    own_look_alikes: int
    own_written_pages: int
    own_marked_pages: int
    views: dict[str, float]
    regularisation: float
    iterations: int
    kind_regularisation: float
    kind_iterations: int
    draft: NetworkRecipe
    labels: NetworkRecipe
    articles: SortRecipe
    short_texts: ShortTextRecipe
    kinds: NetworkRecipe
    favor_step: float
    tails: TailRecipe


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        DataError: the file is missing, is no TOML, or lacks a field; the message names it.
    """
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        words, phrases = data["words"], data["phrases"]
        return Recipe(
            folds=data["folds"],
            written_pages=data["written_pages"],
            sets=data["sets"],
            refused_licences=tuple(phrases["refused_licences"]),
            own_phrases=path.parent / phrases["own"],
            own_pages=path.parent / phrases["own_pages"],
            own_images=phrases["own_images"],
            own_look_alikes=phrases["own_look_alikes"],
            own_written_pages=phrases["own_written_pages"],
            own_marked_pages=phrases["own_marked_pages"],
            views=data["views"],
            regularisation=words["regularisation"],
            iterations=words["iterations"],
            kind_regularisation=words["kind_regularisation"],
            kind_iterations=words["kind_iterations"],
            draft=_network(data["network"], "draft"),
            labels=_network(data["network"], "labels"),
            articles=SortRecipe(**data["articles"]),
            short_texts=ShortTextRecipe(**data["short_texts"]),
            kinds=_network(data["network"], "kinds"),
            favor_step=data["favor"]["step"],
            tails=_tails(data["tails"]),
        )
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: {error}") from error
    except KeyError as error:
        raise DataError(f"{path}: field {error} is missing") from error
    except TypeError as error:  # a field of a section that goes into one record
        raise DataError(f"{path}: {error}") from error


def _network(settings: dict[str, Any], name: str) -> NetworkRecipe:
    """Return the settings of one network: its own, and else those of all."""
    own = {**settings, **settings[name]}
    return NetworkRecipe(
        members=own["members"],
        hidden=tuple(own["hidden"]),
        alpha=own["alpha"],
        learning_rate=own["learning_rate"],
        decay=own["decay"],
        epochs=own["epochs"],
        batch=own["batch"],
    )


def _tails(settings: dict[str, Any]) -> TailRecipe:
    return TailRecipe(
        sources=tuple(settings["sources"]),
        false_trims=settings["false_trims"],
        tail_weight=settings["tail_weight"],
        regularisation=settings["regularisation"],
        iterations=settings["iterations"],
    )
