"""The group of commands: our own, and those that other packages add through an entry-point group."""

from __future__ import annotations

import os
import re
import sys
from importlib.metadata import EntryPoint, entry_points, requires
from typing import Any, Final

import click

from dechrome.errors import DechromeError

ENTRY_POINTS: Final = "dechrome.commands"
INTERRUPTED: Final = 130  # as shells report the signals INT and PIPE
PIPE_CLOSED: Final = 141

# What --help says of commands that are not imported for it.
_SUMMARIES: Final = {
    "annotate": "Label pages by hand, in the browser.",
    "compare": "Measure dechrome and other extractors on the same pages.",
    "evaluate": "Measure a model on annotated pages.",
    "export": "Write annotated pages for labelling tools.",
    "import": "Read annotated pages from corpora and labelling tools.",
    "serve": "Label pages over HTTP.",
    "train": "Train a model on annotated pages.",
}


class CommandError(click.ClickException):
    """An error that ends a command as wrong usage does."""

    exit_code = 2


class ExtensibleGroup(click.Group):
    """A group whose further commands are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted, without importing any."""
        return sorted({*super().list_commands(ctx), *_find_extensions()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command of our own, or a stand-in that knows its name and summary."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in (extensions := _find_extensions()):
            return own
        package = extensions[cmd_name].module.partition(".")[0]
        return click.Command(cmd_name, short_help=_SUMMARIES.get(cmd_name, f"From {package}."))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Import the command that is called."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and super().get_command(ctx, name) is None:
            command = _load(_find_extensions()[name])
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an interrupt or a closed pipe ends it quietly, an error of ours with its message."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            _silence_output()
            ctx.exit(PIPE_CLOSED)
        except DechromeError as error:
            raise CommandError(str(error)) from error


def _find_extensions() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _load(point: EntryPoint) -> click.Command:
    try:
        command = point.load()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        extra = _find_extra(missing)
        cure = f": pip install 'dechrome[{extra}]'" if extra else ""
        raise CommandError(f"'{point.name}' needs the package {missing}, which is not installed{cure}") from error
    except (ImportError, AttributeError) as error:
        raise CommandError(f"'{point.name}' ({point.value}) cannot be loaded: {error}") from error
    if not isinstance(command, click.Command):
        raise CommandError(f"'{point.name}' ({point.value}) is no click command")
    return command


def _find_extra(module: str) -> str:
    """Return the extra of dechrome that brings a module, "" where none does."""
    for requirement in requires("dechrome") or []:
        match = re.match(rf"{re.escape(module)}\b.*\bextra == ['\"](\w+)", requirement)
        if match and match[1] != "dev":
            return match[1]
    return ""


def _silence_output() -> None:
    """Send what is still to be written nowhere, so that Python does not complain about the closed pipe at its end."""
    if sys.stdout is sys.__stdout__ and sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
