"""How far a job is: a bar on a terminal, else lines of text or JSON."""

from __future__ import annotations

import json
import sys
import time
from enum import StrEnum
from typing import Any, Final

from tqdm import tqdm

from dechrome.batch.state import Checkpoint
from dechrome.batch.statistics import Statistics

LINE_SECONDS: Final = 10.0  # between lines
BAR_SECONDS: Final = 0.2


class Style(StrEnum):
    """How progress is shown."""

    BAR = "bar"
    LINES = "lines"
    JSON = "json"
    NONE = "none"


class Progress:
    """Shows how far a job is on standard error, now and then."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.begun = self.shown = time.monotonic()
        self.first: tuple[int, int, float] | None = None  # records, bytes and share that an earlier run has done
        self.bar: Any = None

    def __call__(self, checkpoint: Checkpoint, share: float) -> None:
        """Show progress if it is time to, and at the end."""
        statistics = checkpoint.statistics
        now = time.monotonic()
        if self.first is None:
            self.first = (statistics.records.total(), statistics.bytes_in, share)
        pause = BAR_SECONDS if self.style is Style.BAR else LINE_SECONDS
        if self.style is Style.NONE or not (checkpoint.finished or now - self.shown >= pause):
            return
        self.shown = now
        facts = self._measure(statistics, share, now - self.begun)
        if self.style is Style.JSON:
            print(json.dumps(facts), file=sys.stderr, flush=True)
        elif self.style is Style.LINES:
            print(f"{share:4.0%}  {_describe(facts)}{_left(facts)}", file=sys.stderr, flush=True)
        else:
            self._draw(facts, share, checkpoint.finished)

    def _measure(self, statistics: Statistics, share: float, seconds: float) -> dict[str, Any]:
        records, size, begun_at = self.first or (0, 0, 0.0)
        seconds = max(seconds, 1e-9)
        moved = share - begun_at
        seen, kept = statistics.characters_in, statistics.characters_out
        return {
            "share": round(share, 4),
            "records": statistics.records.total(),
            "quarantined": statistics.records["quarantined"],
            "records_per_second": round((statistics.records.total() - records) / seconds, 1),
            "megabytes_per_second": round((statistics.bytes_in - size) / seconds / 1e6, 2),
            "seconds_left": round(seconds / moved * (1 - share)) if moved > 0 else None,
            "removed": round(1 - kept / seen, 4) if seen else None,
        }

    def _draw(self, facts: dict[str, Any], share: float, finished: bool) -> None:
        if self.bar is None:
            self.bar = tqdm(total=1.0, bar_format="{l_bar}{bar}| {postfix} [{elapsed}<{remaining}]", dynamic_ncols=True)
        self.bar.update(share - self.bar.n)
        self.bar.set_postfix_str(_describe(facts))
        if finished:
            self.bar.close()


def _describe(facts: dict[str, Any]) -> str:
    removed = "" if facts["removed"] is None else f"  {facts['removed']:.0%} removed"
    lost = f"  {facts['quarantined']:,} quarantined" if facts["quarantined"] else ""
    rate = f"{facts['records_per_second']:,.0f}/s  {facts['megabytes_per_second']:.1f} MB/s"
    return f"{facts['records']:,} records  {rate}{removed}{lost}"


def _left(facts: dict[str, Any]) -> str:
    seconds = facts["seconds_left"]
    return f"  {tqdm.format_interval(seconds)} left" if seconds else ""
