"""Rules that filter plain text line by line, as published: C4's, and jusText's classification of paragraphs."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

MIN_WORDS: Final = 5  # per line; this and the numbers below as in Raffel et al. 2020 and their code
MIN_SENTENCES: Final = 3  # per page
MAX_WORD: Final = 1000  # characters
_END_MARKS: Final = (".", "?", "!", '"')  # the half-width ones alone: C4 is an English corpus
_POLICY: Final = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
_CITATION: Final = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
_SENTENCE_END: Final = re.compile(r"[.!?]+[\"'”’)]*(?:\s|$)")
_LANGUAGES: Final = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish",
    "fr": "French", "ga": "Irish", "gl": "Galician", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian",
    "hu": "Hungarian", "id": "Indonesian", "is": "Icelandic", "it": "Italian", "ko": "Korean", "la": "Latin",
    "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "no": "Norwegian_Bokmal", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian",
    "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese",
}  # fmt: skip


def filter_c4(text: str, *, drop_pages: bool) -> str:
    r"""Filter lines as C4 was (Raffel et al., JMLR 2020, section 2.2).

    Kept are lines that end in a terminal punctuation mark and have at least five words, without the word "javascript"
    and without notices of policies; citation marks go. Pages with "lorem ipsum" or a curly bracket in such a line, or
    with fewer than three sentences, are dropped whole; with ``drop_pages`` off, just the lines. Left out: the list of
    bad words, the language test and the removal of duplicates between pages, which are not about chrome.

    >>> filter_c4("Home\nThe fox ran over the hill.\nThis site does use cookies, you know.", drop_pages=False)
    'The fox ran over the hill.'
    """
    kept = []
    for raw in text.split("\n"):
        line = _CITATION.sub("", raw.strip())
        words = line.split()
        if not line.endswith(_END_MARKS) or line.endswith("...") or len(words) < MIN_WORDS:
            continue
        lower = line.lower()
        if "javascript" in lower or any(notice in lower for notice in _POLICY) or max(map(len, words)) > MAX_WORD:
            continue
        if "lorem ipsum" in lower or "{" in line:
            if drop_pages:
                return ""
            continue
        kept.append(line)
    if drop_pages and sum(len(_SENTENCE_END.findall(line)) for line in kept) < MIN_SENTENCES:
        return ""
    return "\n".join(kept)


def filter_justext(text: str, language: str | None) -> str:
    """Filter lines by jusText's two passes (Pomikálek 2011), each line a paragraph that has no markup and no links."""
    from justext.core import PathInfo, classify_paragraphs, revise_paragraph_classification
    from justext.paragraph import Paragraph

    paragraphs = []
    for line in text.split("\n"):
        if line.strip():
            paragraph = Paragraph(PathInfo())
            paragraph.append_text(line)
            paragraphs.append(paragraph)
    classify_paragraphs(paragraphs, stop_words(language))
    revise_paragraph_classification(paragraphs)
    return "\n".join(paragraph.text for paragraph in paragraphs if not paragraph.is_boilerplate)


@lru_cache
def stop_words(language: str | None) -> frozenset[str]:
    """Return jusText's stop words of a language (ISO 639-1), of all its languages where it lacks that one."""
    import justext

    name = _LANGUAGES.get(language or "")
    known = justext.get_stoplists()
    names = [name] if name in known else known
    return frozenset(word for each in names for word in justext.get_stoplist(each))
