"""What a person said of a page's blocks, step by step: undo, redo, and reading the steps back from a label file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from dechrome.blocks import Kind, Label
from dechrome_training.align import content_shares, realign
from dechrome_training.corpus import AnnotatedPage, GoldBlock

MAX_STEPS: Final = 500  # that can be undone

Range = tuple[int, int]  # first and last block


class Mark(NamedTuple):
    """What a person said of one block; no label: nothing yet, and the prediction stands."""

    label: Label | None = None
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class State:
    """All marks of a page, and whether it is labelled to its end."""

    marks: tuple[Mark, ...]
    done: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """The present state, the states before it, the latest last, and those that were undone, the latest last."""

    present: State
    past: tuple[State, ...] = ()
    future: tuple[State, ...] = ()


def change(history: History, state: State) -> History:
    """Return the history with a new present; nothing happens if it is the present one already."""
    if state == history.present:
        return history
    return History(state, (*history.past, history.present)[-MAX_STEPS:])


def undo(history: History) -> History:
    """Return the history one step back, as far as there is one."""
    if not history.past:
        return history
    return History(history.past[-1], history.past[:-1], (*history.future, history.present))


def redo(history: History) -> History:
    """Return the history with the last undone step done again, if there is one."""
    if not history.future:
        return history
    return History(history.future[-1], (*history.past, history.present), history.future[:-1])


def replay(start: State, states: Iterable[State]) -> History:
    """Return the history that left these states behind, one after the other.

    A state that equals the one before the present is an undo, one that equals the last undone state a redo.
    """
    history = History(start)
    for state in states:
        if history.past and state == history.past[-1]:
            history = undo(history)
        elif history.future and state == history.future[-1]:
            history = redo(history)
        else:
            history = change(history, state)
    return history


def set_marks(state: State, blocks: Iterable[Range], marks: Sequence[Mark]) -> State:
    """Return the state with some blocks marked as in ``marks``, which has all; whether the page is done stays."""
    after = list(state.marks)
    for first, last in blocks:
        after[first : last + 1] = marks[first : last + 1]
    return replace(state, marks=tuple(after))


def accept_marks(state: State, blocks: Iterable[Range], predicted: Sequence[Mark]) -> State:
    """Return the state with the predictions of some blocks accepted where nothing was said yet."""
    pairs = zip(state.marks, predicted, strict=True)
    return set_marks(state, blocks, [mark if mark.label else guess for mark, guess in pairs])


def finish(state: State, predicted: Sequence[Mark]) -> State:
    """Return the state with all predictions accepted, and the page done."""
    return replace(accept_marks(state, [(0, len(state.marks) - 1)], predicted), done=True)


def restore(blocks: Sequence[GoldBlock], texts: Sequence[str], *, done: bool) -> State:
    """Return the state that a label file holds; the page may have been cut another way then.

    A page with blocks that nothing was said of is not done.
    """
    marks = tuple(Mark(found.label, found.kind) for found in realign(texts, blocks))
    return State(marks, done and all(mark.label for mark in marks))


def start_state(row: AnnotatedPage | None, texts: Sequence[str], predicted: Sequence[Mark]) -> State:
    """Return the state that a page starts in: what its label file says, or nothing.

    Of a page whose gold is text, a block is content if most of its words are in that.
    """
    if row is None:
        return State((Mark(),) * len(texts))
    if row.blocks or row.gold is None:
        return restore(row.blocks, texts, done=row.done and bool(row.blocks))
    marks = [
        Mark(Label.CONTENT) if share >= 0.5 else guess if guess.label is not Label.CONTENT else Mark(Label.CHROME)
        for share, guess in zip(content_shares(texts, row.gold), predicted, strict=True)
    ]
    return State(tuple(marks), row.done)


def to_gold(marks: Sequence[Mark], texts: Sequence[str]) -> tuple[GoldBlock, ...]:
    """Return the blocks as a label file holds them."""
    return tuple(GoldBlock(text, mark.label, mark.kind) for text, mark in zip(texts, marks, strict=True))
