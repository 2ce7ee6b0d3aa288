"""Counting what was kept and removed, and the few lines that say so at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from dechrome.blocks import Label, LabelledBlock

Failures = list[tuple[str, str]]  # name of the page, reason


@dataclass
class Totals:
    """Running totals over pages; characters are those of visible text. Classes are kinds of chrome, or labels."""

    pages: int = 0
    blocks: Counter[str] = field(default_factory=Counter)  # by class
    characters: Counter[str] = field(default_factory=Counter)

    def add(self, blocks: Sequence[LabelledBlock]) -> None:
        """Count one page."""
        self.pages += 1
        for block in blocks:
            name = block.kind.value if block.kind else block.label.value
            self.blocks[name] += 1
            self.characters[name] += len(block.text)


def format_summary(totals: Totals, kept: frozenset[Label]) -> str:
    """Return how much went in and came out, and a table of what was removed, the largest first."""
    characters_in = totals.characters.total()
    characters_out = sum(totals.characters[label.value] for label in kept)
    share = f" ({characters_out / characters_in:.0%})" if characters_in else ""
    characters = _count(characters_in, "character")
    lines = [f"{_count(totals.pages, 'page')}, {characters} of text in, {characters_out:,} out{share}"]
    removed = [(name, count) for name, count in totals.characters.most_common() if name not in kept]
    if removed:
        width = max(len("removed"), *[len(name) for name, _ in removed])
        lines.append(f"{'removed':<{width}}  {'blocks':>9}  {'characters':>12}")
        lines.extend(f"{name:<{width}}  {totals.blocks[name]:>9,}  {count:>12,}" for name, count in removed)
    return "\n".join(lines)


def format_failures(failures: Sequence[tuple[str, str]], unlisted: int = 0, place: str = "") -> str:
    """Return the pages that could not be read or written, each with the reason; ``place`` lists the rest."""
    lines = [f"{_count(len(failures) + unlisted, 'page')} failed:", *[f"  {name}: {why}" for name, why in failures]]
    return "\n".join([*lines, *([f"  and {unlisted:,} more: {place}"] if unlisted else [])])


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
