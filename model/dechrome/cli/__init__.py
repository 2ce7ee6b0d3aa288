"""The ``dechrome`` command."""

from dechrome.cli.commands import main

__all__ = ["main"]
