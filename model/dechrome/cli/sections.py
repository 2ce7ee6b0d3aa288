"""Help with its options in sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click


class SectionedCommand(click.Command):
    """A command whose options are listed in sections: ``starts`` has the title of each by its first option's name."""

    def __init__(self, *arguments: Any, starts: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.starts = starts

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        sections: list[tuple[str, list[tuple[str, str]]]] = [("Options", [])]
        for parameter in self.get_params(ctx):
            if parameter.name in self.starts:
                sections.append((self.starts[parameter.name], []))
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)):
                sections[-1][1].append(record)
        for title, rows in sections:
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
