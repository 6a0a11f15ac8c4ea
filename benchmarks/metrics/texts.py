"""What a text is to every metric: one form of it, whoever typed it, and the words in it.

Unicode has several spellings of one visible sentence: composed and decomposed accents, invisible marks of direction
and of hyphenation, several spaces, hyphens and apostrophes. A score must not hang on which of them a keyboard makes.
Texts of printable ASCII are left as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import regex

#: Scripts without spaces between words whose characters say something each: one character is counted as one word.
CHARACTERS = r"[\p{Han}\p{Hiragana}\p{Katakana}ー]"
#: Scripts without spaces between words that have letters: a writer, or a program, has to divide them.
DIVIDED = r"[[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]&&\p{L}]"
#: Letters of a word in those, on average over many: more than this, and it is no word but a phrase.
LONGEST = 6

_BREAKS = regex.compile(r"[\p{Cc}\p{Cs}\p{Z}\u200B]+")  # U+200B is how those scripts mark the end of a word
_INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
_HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011", "-"))
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u02bc\uff07", "'"))
_CHARACTER = regex.compile(rf"{CHARACTERS}\p{{M}}*")
_DIVIDED = regex.compile(DIVIDED, regex.V1)
_ASCII_WORD = re.compile(r"\w+(?:['-]\w+)*", re.ASCII)  # what `_WORD` finds there, in a third of the time
_LETTERS = rf"[[\p{{L}}\p{{M}}\p{{N}}_]--{CHARACTERS}]+"
_WORD = regex.compile(
    rf"{CHARACTERS}\p{{M}}*|{_LETTERS}(?:['·״׳-]{_LETTERS})*"
    r"|\p{Regional_Indicator}{2}|\p{Extended_Pictographic}\p{Emoji_Modifier}*",
    regex.V1,
)
# The tokeniser of English knows its own punctuation, which is ASCII and the block from U+2000 on.
_FOREIGN_PUNCTUATION = regex.compile(r"[\p{P}--[\x00-\x7F·״׳\u2000-\u206F]]+", regex.V1)


def clean(text: str) -> str:
    """Return a text in its one form: NFC, one kind of space and hyphen, nothing invisible, no control characters."""
    if text.isascii() and text.isprintable():
        return text
    shown = _INVISIBLE.sub("", _BREAKS.sub(" ", text))
    return unicodedata.normalize("NFC", shown).translate(_HYPHENS)


def folded(text: str) -> str:
    """Return a text's one form without case, in no particular language: ß is ss, and a Turkish I is an i."""
    return caseless(clean(text)).translate(_APOSTROPHES)


def caseless(text: str) -> str:
    """Return a clean text without case."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text.casefold())


def words(text: str) -> list[str]:
    """Return the words of a text without case: letters and digits with their marks, joined by hyphen or apostrophe.

    A Chinese or Japanese character is a word, and so is an emoji; punctuation and other symbols are none.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return _WORD.findall(folded(text))


def divided_by_characters(text: str) -> str:
    """Put spaces around every Chinese or Japanese character."""
    return text if text.isascii() else _CHARACTER.sub(r" \g<0> ", text)


def by_characters(texts: Sequence[str]) -> bool:
    """Whether most texts hold Chinese or Japanese characters."""
    return 2 * sum(not text.isascii() and _CHARACTER.search(text) is not None for text in texts) > len(texts)


def without_foreign_punctuation(text: str) -> str:
    """Put a space where punctuation stands that English does not have."""
    return text if text.isascii() else _FOREIGN_PUNCTUATION.sub(" ", text)


def undivided(texts: Sequence[Sequence[str]]) -> str | None:
    """Say why words cannot be counted where most texts, lists of words, run them together; None where they can."""
    runs = [[n for word in text if not word.isascii() and (n := len(_DIVIDED.findall(word)))] for text in texts]
    letters = [n for of_text in runs for n in of_text]
    if 2 * sum(map(bool, runs)) <= len(runs) or sum(letters) <= LONGEST * len(letters):
        return None
    return (
        f"captions are written without spaces between words, {sum(letters) / len(letters):.0f} letters in a row: put "
        "spaces, or U+200B, between the words"
    )
