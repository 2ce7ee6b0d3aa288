"""Dragnet's data (Peters and Lecocq, WWW 2013 companion, https://github.com/seomoz/dragnet_data, AGPL-3.0).

Layout: ``HTML/<name>.html`` and ``Corrected/<name>.html.corrected.txt``. What follows a line with
``!@#$%^&*()  COMMENTS`` in the corrected text is user comments: they are kept apart, as ``comments``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dechrome_training.corpus import AnnotatedPage
from dechrome_training.importers.gold import find_folder, make_outcome, pair_files, read_page
from dechrome_training.importers.records import Outcome, read_string

_GOLD_END: Final = re.compile(r"(?:\.html?)?\.corrected\.txt\Z")
_COMMENTS: Final = re.compile(r"!@#\$%\^&\*\(\)\s*COMMENTS")


def read_corpus(root: Path) -> Iterator[Outcome]:
    """Read the corpus; ``root`` holds the folders HTML and Corrected.

    Raises:
        DataError: the layout is another, or a file cannot be read.
    """
    pairs = pair_files(find_folder(root, "HTML", "html"), find_folder(root, "Corrected", "corrected"), _GOLD_END)
    for name, (page, gold) in pairs.items():
        if page is None or gold is None:
            missing = "page" if page is None else "corrected text"
            yield Outcome(str(page or gold), None, (f"its {missing} is missing",))
            continue
        article, *comments = (part.strip() for part in _COMMENTS.split(read_string(gold)))
        extras = {"comments": "\n\n".join(comments)} if any(comments) else {}
        found = AnnotatedPage(f"dragnet/{name}", "dragnet", read_page(page), gold=article, extras=extras)
        yield make_outcome(str(page), found)
