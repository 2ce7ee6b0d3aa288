"""Why the blocks of one page got their labels: a few lines for the terminal, and a page for the browser."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from typing import Final

import click

from dechrome.blocks import Label, LabelledBlock, Reason
from dechrome.pages import Page

MAX_REASONS: Final = 5  # in the browser; the terminal has room for two

_MARKS: Final = {Label.CONTENT: "+", Label.IMAGE: "~", Label.CHROME: "-"}
_COLOURS: Final = {Label.CONTENT: "green", Label.IMAGE: "blue", Label.CHROME: "red"}
# No outside resource, and none could be loaded; contrasts meet WCAG AA in both schemes.
_HEAD: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root { --text: #1b1b1b; --faint: #575757; --ground: #fff; --content: #0a6b2d; --image: #1f4fb3; --chrome: #a82020 }
@media (prefers-color-scheme: dark) {
  :root { --text: #ececec; --faint: #a9a9a9; --ground: #161616;
          --content: #6fd08c; --image: #9dbdff; --chrome: #ff9d9d }
}
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif;
       color: var(--text); background: var(--ground) }
h1 { font-size: 1.4rem; overflow-wrap: anywhere }
ol { list-style: none; padding: 0 }
li { border-left: .4rem solid var(--own); padding: .1rem 0 .1rem .8rem; margin: .6rem 0 }
.content { --own: var(--content) }
.image { --own: var(--image) }
.chrome { --own: var(--chrome) }
.label { color: var(--own); font-weight: 600 }
.text { margin: .1rem 0; white-space: pre-wrap; overflow-wrap: anywhere }
.chrome .text { color: var(--faint) }
.why, summary { color: var(--faint); font-size: .85rem }
table { border-collapse: collapse; font-size: .85rem }
th, td { padding: .1rem .8rem .1rem 0; text-align: left }
td + td { text-align: right; font-variant-numeric: tabular-nums }
body:has(#content:not(:checked)) li.content, body:has(#image:not(:checked)) li.image,
body:has(#chrome:not(:checked)) li.chrome { display: none }
</style>
</head>
"""


def format_report(page: Page, reasons: Sequence[Sequence[Reason]], name: str, width: int = 100) -> str:
    """Return one line for each block, cut to ``width``, coloured for a terminal."""
    lines = [f"{name}: {describe_page(page)}"]
    for block, why in zip(page.blocks, reasons, strict=True):
        strongest = ", ".join(f"{reason.feature} {reason.contribution:+.2f}" for reason in sort_reasons(why)[:2])
        head = f"{_MARKS[block.label]} {_class_name(block):<14} {block.confidence:4.2f}  "
        room = max(20, width - len(head) - len(strongest) - 2)
        text = _shorten(block.text, room)
        lines.append(click.style(head, fg=_COLOURS[block.label]) + f"{text:<{room}}  {strongest}".rstrip())
    return "\n".join(lines)


def format_html_report(page: Page, reasons: Sequence[Sequence[Reason]], name: str) -> str:
    """Return a page for the browser that needs nothing from elsewhere."""
    title = html.escape(f"dechrome: {page.title or name}")
    choices = "\n".join(
        f'<label class="{label}"><input type="checkbox" id="{label}" checked>'
        f' <span class="label">{label}</span></label>'
        for label in Label
    )
    items = [_block_html(block, why) for block, why in zip(page.blocks, reasons, strict=True)]
    return (
        _HEAD.replace("{title}", title)
        + f"<body>\n<h1>{title}</h1>\n<p>{html.escape(describe_page(page))}</p>\n"
        + f"<fieldset><legend>Show</legend>\n{choices}\n</fieldset>\n"
        + "<ol>\n"
        + "\n".join(items)
        + "\n</ol>\n</body>\n</html>\n"
    )


def describe_page(page: Page) -> str:
    """Return the page's quality, its labels counted, and its problems, in one line."""
    counts = Counter(block.label for block in page.blocks)
    labels = ", ".join(f"{counts[label]} {label}" for label in Label)
    problems = f"; problems: {', '.join(page.problems)}" if page.problems else ""
    return f"expected quality {page.quality:.2f}; {len(page.blocks)} blocks: {labels}{problems}"


def sort_reasons(reasons: Sequence[Reason]) -> list[Reason]:
    """Return the reasons, the strongest first, whichever way they point."""
    return sorted(reasons, key=lambda reason: -abs(reason.contribution))


def _block_html(block: LabelledBlock, reasons: Sequence[Reason]) -> str:
    label = f'<span class="label">{_class_name(block)}</span> {block.confidence:.0%}'
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(reason.feature)}</th><td>{reason.value:.3g}</td>"
        f"<td>{reason.contribution:+.2f} {'content' if reason.contribution > 0 else 'chrome'}</td></tr>"
        for reason in sort_reasons(reasons)[:MAX_REASONS]
    )
    table = f"<table><tr><th>feature</th><th>value</th><th>speaks for</th></tr>{rows}</table>" if rows else ""
    path = f'<div class="why">{html.escape(block.path)}</div>' if block.path else ""
    details = f"<details><summary>why</summary>{table}{path}</details>" if table or path else ""
    return (
        f'<li class="{block.label}"><div class="why">{label}</div>'
        f'<div class="text">{html.escape(block.text)}</div>{details}</li>'
    )


def _class_name(block: LabelledBlock) -> str:
    return block.kind.value if block.kind else block.label.value


def _shorten(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
