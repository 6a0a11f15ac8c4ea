"""Overlap of generated captions with real ones: BLEU, CIDEr-D and ROUGE-L on PTB tokens."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from benchmarks.metrics.captions.references import NGRAM, Sentence, ngrams, of_corpus, reference
from benchmarks.metrics.captions.tokens import tokenise_groups, tokenise_pairs
from benchmarks.metrics.family import Family
from benchmarks.metrics.java.ptb import find_java
from benchmarks.metrics.view import View

BETA = 1.2  # of ROUGE-L: weight of recall over precision
SIGMA = 6.0  # of the length penalty of CIDEr-D
MOST_NORMS = 200_000  # remembered by one CIDEr, one entry a reference


class CaptionOverlap(Family):
    """Scores n captions against n tuples of references, all PTB-tokenised.

    CIDEr takes document frequencies from the pinned split in `document_frequency`, not from the evaluated
    items; without one it is left out.
    """

    name: ClassVar[str] = "caption_overlap"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("captions", "references", "document_frequency", "java")
    optional: ClassVar[tuple[str, ...]] = ("document_frequency",)
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "bleu1": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable (corpus counts)",
            "source": "Papineni et al., ACL 2002",
            "misses": "word order, and whether every caption says the same",
            "healthy": "captions converge on the most common form: it matches most references",
        },
        "bleu2": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable (corpus counts)",
            "source": "Papineni et al., ACL 2002",
            "misses": "order beyond neighbouring words, and whether every caption says the same",
            "healthy": "captions converge on the most common form: it matches most references",
        },
        "bleu3": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable (corpus counts)",
            "source": "Papineni et al., ACL 2002",
            "misses": "wrong attributes inside the usual sentence form",
            "healthy": "captions converge on the most common form: it matches most references",
        },
        "bleu4": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable (corpus counts)",
            "source": "Papineni et al., ACL 2002",
            "misses": "wrong attributes inside the usual sentence form, and whether every caption says the same",
            "healthy": "captions converge on the most common form: it matches most references; rare forms die out",
        },
        "cider": {
            "direction": "up",
            "range": [0, 10],
            "with_n": "stable (document frequencies are pinned)",
            "source": "Vedantam et al., arXiv 1411.5726 (CIDEr-D)",
            "misses": "rare words of few items: a mean over items hardly sees the tail",
            "healthy": "the head improves while the tail dies",
        },
        "rouge_l": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable (mean over items)",
            "source": "Lin, ACL workshop 2004",
            "misses": "which of the words are wrong, and whether every caption says the same",
            "healthy": "captions converge on the most common form: it matches most references",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        # Even where every sentence is plain: availability must not hang on what a model happens to say.
        find_java()
        values: dict[str, float] = {}
        captions, references = tokenise_pairs(view.captions, view.references)
        most = most_words(references)
        for k, score in enumerate(bleu(captions, references), 1):
            if k > most:
                self.absent[f"bleu{k}"] = no_ngram(k)
            else:
                values[f"bleu{k}"] = score
        values["rouge_l"] = rouge_l(captions, references)
        if not view.document_frequency:
            self.absent["cider"] = "no split is pinned for document frequencies"
        elif not (pinned := document_frequencies(view.document_frequency)).weighs(references):
            self.absent["cider"] = "every item of the pinned split says all that references say: nothing has a weight"
        else:
            values["cider"] = pinned.score(captions, references)
        return values


def most_words(references: Sequence[tuple[str, ...]]) -> int:
    """Return the number of words of the longest tokenised reference."""
    return max(reference(text).length for texts in references for text in texts)


def no_ngram(k: int) -> str:
    """Say why BLEU-k is absent."""
    return f"no reference has {k} words"


def bleu(captions: Sequence[str], references: Sequence[tuple[str, ...]]) -> list[float]:
    """Corpus BLEU-1 to BLEU-4 with the closest reference length (Papineni et al. 2002, section 2.3).

    Args:
        captions: n tokenised sentences.
        references: n tuples of tokenised sentences.

    Returns:
        four numbers in [0, 1].
    """
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer, cook_test

    scorer = BleuScorer(n=NGRAM)
    for caption, texts in zip(captions, references, strict=True):
        sentences = [reference(text) for text in texts]
        scorer.ctest.append(cook_test(caption, ([s.length for s in sentences], _MostSaid(sentences)), n=NGRAM))
    return [float(score) for score in scorer.compute_score(option="closest", verbose=0)[0]]


class _MostSaid:
    """How often an n-gram is said in the reference that says it most: all that `cook_test` asks, when it asks."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        self._counts = [sentence.counts for sentence in sentences]

    def get(self, ngram: tuple[str, ...], default: int) -> int:
        most = default
        for counts in self._counts:
            if (count := counts.get(ngram, 0)) > most:
                most = count
        return most


def rouge_l(captions: Sequence[str], references: Sequence[tuple[str, ...]]) -> float:
    """Mean ROUGE-L, beta = 1.2, best precision and best recall over references (Lin 2004, eq. 2-4)."""
    scores = []
    for caption, texts in zip(captions, references, strict=True):
        words = caption.split(" ")
        sentences = [reference(text) for text in texts]
        common = [sentence.common_subsequence(words) for sentence in sentences]
        precision = max(common) / len(words)
        recall = max(c / sentence.width for c, sentence in zip(common, sentences, strict=True))
        some = precision and recall
        scores.append((1 + BETA**2) * precision * recall / (recall + BETA**2 * precision) if some else 0.0)
    return math.fsum(scores) / len(scores)


class CiderD:
    """CIDEr-D with document frequencies of a given corpus (Vedantam et al. 2015, eq. 1-3 and section 6).

    The reference implementation counts in how many of the *evaluated* items an n-gram is said, so one
    perfect caption scores 0 and two score 10. Here the weight of an n-gram is log(N) - log(max(1, df)) over
    the N items of a pinned corpus; where that corpus is the evaluated references, the values are those of
    pycocoevalcap.

    Args:
        corpus: N tuples of tokenised references.

    Raises:
        ValueError: for an empty corpus.
    """

    def __init__(self, corpus: Sequence[tuple[str, ...]]) -> None:
        if not corpus:
            raise ValueError("document frequencies need at least one item")
        said_in: Counter[tuple[str, ...]] = Counter()
        for texts in corpus:
            said_in.update({ngram for text in texts for ngram in ngrams(text)})
        self._unseen = math.log(len(corpus))
        self._idf = {ngram: self._unseen - math.log(count) for ngram, count in said_in.items()}
        self._norms: dict[str, list[float]] = {}

    def weighs(self, references: Sequence[tuple[str, ...]]) -> bool:
        """Whether something that references say has a weight; nothing has, where every item of the corpus says it."""
        return any(any(self._kept(text)) for texts in references for text in texts)

    def score(self, captions: Sequence[str], references: Sequence[tuple[str, ...]]) -> float:
        """Return the mean over items, in [0, 10]."""
        if len(self._norms) > MOST_NORMS:
            self._norms.clear()
        scores = []
        for caption, texts in zip(captions, references, strict=True):
            weighed = self._weighed(ngrams(caption))
            length = _bigrams(caption)
            norms = _norms(weighed)
            similar = [self._similarity(weighed, norms, length, reference(text), self._kept(text)) for text in texts]
            scores.append(math.fsum(similar) / len(texts))
        return math.fsum(scores) / len(scores)

    def similarity(self, caption: str, text: str) -> float:
        """Return ten times the clipped tf-idf cosine, averaged over n = 1..4, with the length penalty."""
        weighed = self._weighed(ngrams(caption))
        return self._similarity(weighed, _norms(weighed), _bigrams(caption), reference(text), self._kept(text))

    def _similarity(
        self, weighed: _Weighed, norms: list[float], length: int, other: Sentence, other_norms: list[float]
    ) -> float:
        total = 0.0
        for vector, norm, other_norm in zip(weighed, norms, other_norms, strict=True):
            if norm and other_norm:
                products = []
                for ngram, idf, weight in vector:
                    if count := other.counts.get(ngram):
                        other_weight = count * idf
                        products.append(min(weight, other_weight) * other_weight)
                total += math.fsum(products) / (norm * other_norm)
        return 10 * total / NGRAM * math.exp(-((length - max(0, other.length - 1)) ** 2) / (2 * SIGMA**2))

    def _weighed(self, counts: dict[tuple[str, ...], int]) -> _Weighed:
        """Return (n-gram, idf, tf-idf) of a sentence for each n."""
        weighed: _Weighed = [[] for _ in range(NGRAM)]
        for ngram, count in counts.items():
            idf = self._idf.get(ngram, self._unseen)
            weighed[len(ngram) - 1].append((ngram, idf, count * idf))
        return weighed

    def _kept(self, text: str) -> list[float]:
        """Return the norms of a reference, computed once."""
        if text not in self._norms:
            self._norms[text] = _norms(self._weighed(reference(text).counts))
        return self._norms[text]


_Weighed = list[list[tuple[tuple[str, ...], float, float]]]


def _norms(weighed: _Weighed) -> list[float]:
    return [math.sqrt(math.fsum(weight * weight for _, _, weight in vector)) for vector in weighed]


def _bigrams(text: str) -> int:
    """Return the length of a sentence as pycocoevalcap has it: in bigrams."""
    return max(0, len(text.split()) - 1)


_PINNED: dict[str, CiderD] = {}


def document_frequencies(corpus: Sequence[tuple[str, ...]]) -> CiderD:
    """Return the CIDEr of a corpus of raw references; the last two are remembered by content."""

    def make() -> CiderD:
        return CiderD(tokenise_groups(corpus, corpus))

    return of_corpus(_PINNED, corpus, make)
