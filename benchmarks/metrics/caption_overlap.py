"""Overlap of generated captions with real ones: BLEU, CIDEr-D and ROUGE-L on PTB tokens."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from benchmarks.metrics.family import Family
from benchmarks.metrics.ptb import find_java, tokenise
from benchmarks.metrics.view import View

NGRAM = 4
SIGMA = 6.0  # of the length penalty of CIDEr-D


class CaptionOverlap(Family):
    """Scores n captions against n tuples of references, all PTB-tokenised.

    CIDEr takes document frequencies from the pinned split in `document_frequency`, not from the evaluated
    items; without one it is left out.
    """

    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("captions", "references", "document_frequency", "java")
    optional: ClassVar[tuple[str, ...]] = ("document_frequency",)
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "bleu1": {
            "direction": "up",
            "range": [0, 1],
            "source": "Papineni et al., ACL 2002",
            "misses": "word order, and whether every caption says the same",
        },
        "bleu2": {
            "direction": "up",
            "range": [0, 1],
            "source": "Papineni et al., ACL 2002",
            "misses": "order beyond neighbouring words, and whether every caption says the same",
        },
        "bleu3": {
            "direction": "up",
            "range": [0, 1],
            "source": "Papineni et al., ACL 2002",
            "misses": "wrong attributes inside the usual sentence form",
        },
        "bleu4": {
            "direction": "up",
            "range": [0, 1],
            "source": "Papineni et al., ACL 2002",
            "misses": "wrong attributes inside the usual sentence form; rises when rare forms die out",
        },
        "cider": {
            "direction": "up",
            "range": [0, 10],
            "source": "Vedantam et al., arXiv 1411.5726 (CIDEr-D)",
            "misses": "rare words of few items: a mean over items hardly sees the tail",
        },
        "rouge_l": {
            "direction": "up",
            "range": [0, 1],
            "source": "Lin, ACL workshop 2004",
            "misses": "which of the words are wrong, and whether every caption says the same",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Computes the values that `declares` names."""
        # Even where every sentence is plain: availability must not hang on what a model happens to say.
        find_java()
        assert view.captions is not None
        assert view.references is not None
        captions, references = tokenise_pairs(view.captions, view.references)
        values = {f"bleu{k}": score for k, score in enumerate(bleu(captions, references), 1)}
        values["rouge_l"] = rouge_l(captions, references)
        if view.document_frequency:
            values["cider"] = document_frequencies(view.document_frequency).score(captions, references)
        else:
            self.absent["cider"] = "no split is pinned for document frequencies"
        return values


def tokenise_pairs(
    captions: Sequence[str], references: Sequence[tuple[str, ...]]
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Tokenises n captions and n tuples of references in one go, hence with at most one call of Java.

    Raises:
        ValueError: if the numbers differ, there are none, or an item has no reference.
    """
    if len(captions) != len(references) or not captions:
        raise ValueError(f"{len(captions)} captions, but references of {len(references)} items")
    if not all(references):
        raise ValueError("an item has no reference caption")
    tokens = iter(tokenise([*captions, *(text for texts in references for text in texts)]))
    said = [next(tokens) for _ in captions]
    return said, [tuple(next(tokens) for _ in texts) for texts in references]


def bleu(captions: Sequence[str], references: Sequence[tuple[str, ...]]) -> list[float]:
    """Corpus BLEU-1 to BLEU-4 with the closest reference length (Papineni et al. 2002, section 2.3).

    Args:
        captions: n tokenised sentences.
        references: n tuples of tokenised sentences.

    Returns:
        four numbers in [0, 1].
    """
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer

    scorer = BleuScorer(n=NGRAM)
    for caption, texts in zip(captions, references, strict=True):
        scorer += (caption, list(texts))
    return [float(score) for score in scorer.compute_score(option="closest", verbose=0)[0]]


def rouge_l(captions: Sequence[str], references: Sequence[tuple[str, ...]]) -> float:
    """Mean ROUGE-L, beta = 1.2, best precision and best recall over references (Lin 2004, eq. 2-4)."""
    from pycocoevalcap.rouge.rouge import Rouge

    rouge = Rouge()
    scores = [rouge.calc_score([caption], texts) for caption, texts in zip(captions, references, strict=True)]
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
            said_in.update({ngram for text in texts for ngram in _ngrams(text)})
        self._unseen = math.log(len(corpus))
        self._idf = {ngram: self._unseen - math.log(count) for ngram, count in said_in.items()}
        self._vectors: dict[str, tuple[list[dict[tuple[str, ...], float]], list[float], int]] = {}

    def score(self, captions: Sequence[str], references: Sequence[tuple[str, ...]]) -> float:
        """Returns the mean over items, in [0, 10]."""
        scores = [
            math.fsum(self.similarity(caption, text) for text in texts) / len(texts)
            for caption, texts in zip(captions, references, strict=True)
        ]
        return math.fsum(scores) / len(scores)

    def similarity(self, caption: str, reference: str) -> float:
        """Returns ten times the clipped tf-idf cosine, averaged over n = 1..4, with the length penalty."""
        vectors, norms, length = self._vector(caption)
        other_vectors, other_norms, other_length = self._vector(reference)
        total = 0.0
        for vector, other, norm, other_norm in zip(vectors, other_vectors, norms, other_norms, strict=True):
            if norm and other_norm:
                common = vector.keys() & other.keys()
                total += math.fsum(min(vector[g], other[g]) * other[g] for g in common) / (norm * other_norm)
        return 10 * total / NGRAM * math.exp(-((length - other_length) ** 2) / (2 * SIGMA**2))

    def _vector(self, text: str) -> tuple[list[dict[tuple[str, ...], float]], list[float], int]:
        """Returns tf-idf weights and norms for each n, and the length in bigrams as pycocoevalcap has it."""
        if text not in self._vectors:
            vectors: list[dict[tuple[str, ...], float]] = [{} for _ in range(NGRAM)]
            for ngram, count in _ngrams(text).items():
                vectors[len(ngram) - 1][ngram] = count * self._idf.get(ngram, self._unseen)
            norms = [math.sqrt(math.fsum(w * w for w in vector.values())) for vector in vectors]
            self._vectors[text] = vectors, norms, max(0, len(text.split()) - 1)
        return self._vectors[text]


def _ngrams(text: str) -> Counter[tuple[str, ...]]:
    words = text.split()
    return Counter(tuple(words[i : i + n]) for n in range(1, NGRAM + 1) for i in range(len(words) - n + 1))


_PINNED: dict[str, CiderD] = {}


def document_frequencies(corpus: Sequence[tuple[str, ...]]) -> CiderD:
    """Returns the CIDEr of a corpus of raw references; the last two are remembered by content."""
    content = hashlib.sha256("\n".join("\t".join(texts) for texts in corpus).encode(errors="replace")).hexdigest()
    if content not in _PINNED:
        flat = iter(tokenise([text for texts in corpus for text in texts]))
        while len(_PINNED) >= 2:
            _PINNED.pop(next(iter(_PINNED)))
        _PINNED[content] = CiderD([tuple(next(flat) for _ in texts) for texts in corpus])
    return _PINNED[content]
