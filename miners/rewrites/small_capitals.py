"""Small capitals: phonetic letters that look like small capital ones, as pasted from "fancy text" pages."""

from __future__ import annotations

import numpy as np

from miners.rewrites.disguise import Disguise

CAPITALS = dict(zip("abcdefghijklmnoprtuvwz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡᴢ", strict=True))
"""Small letters and the phonetic ones that stand for them; NFKC keeps these. q, s, x and y stay as they are."""


class SmallCapitals(Disguise):
    """Writes words in small capitals, a capital at the beginning included."""

    name = "small-capitals"

    def _applies(self, word: str) -> bool:
        return any(letter in CAPITALS for letter in word.lower())

    def _change(self, word: str, rng: np.random.Generator) -> str:  # noqa: ARG002 (nothing to draw for a word)
        return "".join(CAPITALS.get(letter, letter) for letter in word.lower())
