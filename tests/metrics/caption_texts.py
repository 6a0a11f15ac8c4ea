"""Captions as people write them, made from a seed: case, punctuation, numbers, other alphabets, and accidents."""

from __future__ import annotations

import random

SUBJECTS = [
    "A man",
    "Two young women",
    "An old dog",
    "The Red Sox player",
    "A T-shirt-clad surfer",
    "Mr. Smith",
    "Someone's cat",
    "3 giraffes",
    "A café owner",
]
VERBS = ["riding", "sitting next to", "looking at", "is holding", "can't see", "walks past", "eating"]
OBJECTS = [
    "a well-lit street",
    "the dog's bowl",
    "a half-eaten pizza",
    "two $5 bills",
    "an orange (or a lemon)",
    "“old” books",
    "the no. 7 bus",
    "a 19th-century clock",
    "snow; it's cold",
    "a naïve drawing",
]
ENDS = [".", "", "!", " in the U.S.", ", isn't it?", " ...", " at 5 p.m.", " -- maybe.", " 😀"]
ACCIDENTS = [
    "",
    "   ",
    "a a a a a a a a",
    "...",
    "DOG",
    "中文 的 句子",
    "a\u2028line break\nor two",
    "\u00a0",
    "|||",
    "x",
]


def caption(rng: random.Random) -> str:
    return f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(OBJECTS)}{rng.choice(ENDS)}"


def evaluation(n: int, seed: int = 0, accidents: bool = True) -> tuple[list[str], list[tuple[str, ...]]]:
    """n captions and n tuples of five references; some captions are accidents or 200 words long."""
    rng = random.Random(seed)
    captions = [caption(rng) for _ in range(n)]
    references = [tuple(caption(rng) for _ in range(5)) for _ in range(n)]
    for i, text in enumerate(ACCIDENTS if accidents else []):
        captions[i % n] = text
    captions[-1] = " ".join(caption(rng) for _ in range(30))[:1200]
    return captions, references
