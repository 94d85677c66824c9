"""Sentences, as far as punctuation tells."""

from __future__ import annotations

import re

_END = re.compile("[.!?…]+[\"'\u201d\u2019»)\\]]*(?=\\s|$)")
_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "st", "prof", "capt", "lt", "col", "sgt", "rev", "hon", "jr", "sr", "no"}
)


def split_sentences(text: str) -> list[str]:
    """Whole sentences in order, stripped; what follows the last sentence end is left out.

    A sentence ends at a full stop, exclamation or question mark or ellipsis, with the quotes behind it, before white
    space or the end; not after common titles ("Mr.") or single initials.
    """
    sentences, start = [], 0
    for match in _END.finditer(text):
        before = text[start : match.start()].rsplit(None, 1)[-1:] or [""]
        word = before[0].strip("\"'\u201c\u2018«([").casefold()
        if match.group() == "." and (word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i")):
            continue
        sentence = text[start : match.end()].strip()
        start = match.end()
        if sentence:
            sentences.append(sentence)
    return sentences
