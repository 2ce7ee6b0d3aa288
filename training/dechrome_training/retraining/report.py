"""A verdict as a page for the browser: one file, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from dechrome.errors import DataError
from dechrome_training.evaluation.paired import Comparison
from dechrome_training.evaluation.tables import Table, format_cell
from dechrome_training.retraining.verdict import PageChange, Verdict

FILE: Final = "report.html"
_MOST_PAGES: Final = 60  # whose blocks are shown
_MOST_TEXT: Final = 300  # characters of a block
_STYLE: Final = """
:root { color-scheme: light dark; --line: #8886; --good: #2a7d46; --bad: #b3372f; }
@media (prefers-color-scheme: dark) { :root { --good: #6fce8f; --bad: #f0867d; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
.verdict { border-left: .4rem solid var(--bad); padding: .6rem 1rem; font-size: 1.2rem; }
.use { border-color: var(--good); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .6rem; text-align: right; vertical-align: top; }
th:first-child, td:first-child, .blocks td, .blocks th { text-align: left; }
.note { font-size: .9rem; opacity: .8; white-space: pre-line; }
.better { color: var(--good); } .worse { color: var(--bad); }
.text { overflow-wrap: anywhere; max-width: 34rem; }
summary { cursor: pointer; }
"""


def write_report(folder: Path, verdict: Verdict) -> None:
    """Write ``report.html`` into a model folder.

    Raises:
        DataError: it cannot be written.
    """
    try:
        (folder / FILE).write_text(render_report(verdict), encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{folder / FILE}: {error.strerror}") from error


def render_report(verdict: Verdict) -> str:
    """Return a verdict as HTML; all text of pages is escaped."""
    changed = verdict.changes[:_MOST_PAGES]
    better = [page for page in changed if page.new_f1 > page.old_f1]
    others = [page for page in changed if not page.new_f1 > page.old_f1]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>dechrome: retrained model</title><style>{_STYLE}</style>",
        "<h1>Retrained model</h1>",
        f'<p class="verdict{" use" if verdict.use else ""}">{escape(verdict.sentence)}</p>',
        "<h2>Difference in word F1</h2>",
        _plot_intervals([("your pages", verdict.pages), ("check pages", verdict.check)]),
        "<p class=note>Point: mean difference, new minus old. Bar: 95% confidence. Right of the line is better.</p>",
        "<h2>Your pages, one by one</h2>",
        _plot_pages(verdict.page_scores),
        "<p class=note>Each point is a page, labelled by networks that have not seen its site. Above the diagonal the "
        "new model is better.</p>",
        *(_table(table) for table in verdict.tables),
        _changes("Pages that got better", better),
        _changes("Pages that got worse, or no better", others),
        *(
            [f"<p class=note>{len(verdict.changes) - len(changed)} more pages changed.</p>"]
            if len(changed) < len(verdict.changes)
            else []
        ),
    ]
    return "\n".join(parts) + "\n"


def _plot_intervals(rows: Sequence[tuple[str, Comparison]]) -> str:
    """Draw differences with their confidence intervals."""
    known = [(name, c) for name, c in rows if c.pages]
    reach = max([0.01, *(abs(v) for _, c in known for v in (c.low, c.high, c.difference) if v == v)]) * 1.15

    def place(value: float) -> float:
        return 330 + 230 * value / reach

    lines = [f'<line x1="330" x2="330" y1="8" y2="{40 * len(known) + 8}" stroke="currentColor" opacity=".5"/>']
    for number, (name, c) in enumerate(known):
        y = 28 + 40 * number
        colour = "var(--good)" if c.difference >= 0 else "var(--bad)"
        lines.append(f'<text x="0" y="{y + 5}" fill="currentColor">{escape(name)}</text>')
        if c.low == c.low:
            ends = f'x1="{place(c.low):.1f}" x2="{place(c.high):.1f}" y1="{y}" y2="{y}"'
            lines.append(f'<line {ends} stroke="{colour}" stroke-width="6" opacity=".5"/>')
        lines.append(f'<circle cx="{place(c.difference):.1f}" cy="{y}" r="6" fill="{colour}"/>')
        lines.append(f'<text x="570" y="{y + 5}" fill="currentColor">{c.difference:+.4f}</text>')
    title = "; ".join(f"{name} {c.difference:+.4f}" for name, c in known)
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 660 {40 * len(known) + 16}" width="100%" '
        f'style="max-width:660px;font:15px system-ui">{"".join(lines)}</svg>'
    )


def _plot_pages(scores: Sequence[tuple[float, float]]) -> str:
    """Draw every page by its old and its new word F1."""
    points = "".join(
        f'<circle cx="{40 + 300 * old:.1f}" cy="{320 - 300 * new:.1f}" r="4" '
        f'fill="{"var(--good)" if new >= old else "var(--bad)"}" opacity=".6"/>'
        for old, new in scores
        if old == old and new == new
    )
    return (
        f'<svg role="img" aria-label="old against new word F1 of {len(scores)} pages" viewBox="0 0 360 360" '
        'width="100%" style="max-width:360px;font:13px system-ui">'
        '<rect x="40" y="20" width="300" height="300" fill="none" stroke="currentColor" opacity=".4"/>'
        '<line x1="40" y1="320" x2="340" y2="20" stroke="currentColor" opacity=".4"/>'
        '<text x="160" y="345" fill="currentColor">old F1</text>'
        f'<text x="0" y="175" fill="currentColor">new</text>{points}</svg>'
    )


def _table(table: Table) -> str:
    head = "".join(f"<th scope=col>{escape(column)}</th>" for column in table.columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(format_cell(cell))}</td>' for cell in row)}</tr>" for row in table.rows)
    note = f"<p class=note>{escape(table.note)}</p>" if table.note else ""
    return (
        f"<h2>{escape(table.title)}</h2><div class=scroll><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>{note}"
    )


def _changes(title: str, pages: Sequence[PageChange]) -> str:
    """List pages with the blocks whose label changed."""
    if not pages:
        return ""
    return f"<h2>{escape(title)}</h2>" + "\n".join(map(_page, pages))


def _page(page: PageChange) -> str:
    rows = "".join(
        f"<tr><td class=text>{escape(_clip(change.text))}</td><td>{escape(change.gold)}</td>"
        f"<td>{escape(change.old)}</td><td class={_class(change.gold, change.old, change.new)}>"
        f"{escape(change.new)}</td></tr>"
        for change in page.changes
    )
    return (
        f"<details><summary>{escape(page.id)}: {page.old_f1:.3f} → {page.new_f1:.3f}</summary><div class=scroll>"
        "<table class=blocks><thead><tr><th scope=col>block<th scope=col>gold<th scope=col>old<th scope=col>new"
        f"</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _class(gold: str, old: str, new: str) -> str:
    """Tell whether a change is for the better, by the label alone."""
    wanted, before, after = (name.split(":")[0] for name in (gold, old, new))
    return "better" if after == wanted else "worse" if before == wanted else "same"


def _clip(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]} …"
