"""Cleaning whole corpora: streamed, parallel, resumable, nothing lost.

``dechrome clean`` runs jobs; ``clean_records`` is for loops of your own.
"""

from dechrome.batch.cleaning import Cleaned, Options, Status, clean_records
from dechrome.batch.records import Fields, Record

__all__ = ["Cleaned", "Fields", "Options", "Record", "Status", "clean_records"]
