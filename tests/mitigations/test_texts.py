"""Methods that change words or who writes them: edits, injections, partial relabelling."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.content_injection import ContentInjection
from benchmarks.mitigations.corpus_injection import CorpusInjection
from benchmarks.mitigations.partial_relabel import PartialRelabel
from benchmarks.mitigations.to_edit import ToEdit, ToEditSynthetic
from benchmarks.seeds import sample_seeds
from datamodules.pairs import Pairs
from lightning_modules.fitting.contracts import Generated
from records.errors import StepError
from tests.lightning_modules.conftest import token_likelihoods
from tests.mitigations.toys import MODALITIES, N, ask, bites, drawn, real, same

END = 0
SEEDS = sample_seeds(1, np.arange(4000))


def likelihoods(n: int) -> torch.Tensor:
    """Return log-probabilities (n, 3, 6): a sure word, an unsure one, a sure end."""
    p = torch.tensor([
        [0.0010, 0.9930, 0.0030, 0.0020, 0.0009, 0.0001],
        [0.2000, 0.3000, 0.2000, 0.1000, 0.1000, 0.1000],
        [0.9950, 0.0010, 0.0010, 0.0010, 0.0010, 0.0010],
    ])  # fmt: skip
    return p.log().repeat(n, 1, 1)


def test_only_sure_words_are_drawn_anew_from_the_published_law() -> None:
    tokens = torch.tensor([[1, 1, END]]).repeat(4000, 1)
    edited = ToEdit(candidates=3).resampled(likelihoods(4000), tokens, [END], SEEDS)
    assert np.array_equal(edited[:, 1:], tokens.numpy()[:, 1:]), "an unsure word and the end stay"
    shares = np.bincount(edited[:, 0], minlength=6) / 4000
    score = np.exp(likelihoods(1)[0, 0, [1, 2, 3]].numpy() / 1.5)
    expected = np.zeros(6)
    expected[[1, 2, 3]] = score / score.sum()
    # Five standard deviations; never the end, never what is not among the three likeliest.
    assert (np.abs(shares - expected) <= 5 * np.sqrt(expected * (1 - expected) / 4000)).all()


def test_each_caption_is_edited_by_its_own_seed() -> None:
    tokens = torch.tensor([[1, 1, END]]).repeat(4000, 1)
    method = ToEdit(threshold=0.2)
    whole = method.resampled(likelihoods(4000), tokens, [END], SEEDS)
    part = method.resampled(likelihoods(10), tokens[:10], [END], SEEDS[100:110])
    assert np.array_equal(part, whole[100:110])
    padded = torch.nn.functional.pad(tokens[:10], (0, 2), value=-100), likelihoods(10)[:, [0, 1, 2, 1, 1]]
    assert np.array_equal(method.resampled(padded[1], padded[0], [END], SEEDS[100:110])[:, :3], part)
    assert len(np.unique(whole, axis=0)) > 5


def pictures(n: int, first: int = 0) -> Pairs:
    """Return real pictures with captions that the tiny tokenizers know."""
    images = np.random.default_rng(first).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)
    captions = [("a large red circle", "two birds over a lake", "cats", "a red dog")[i % 4] for i in range(n)]
    return Pairs(ids=first + np.arange(n), images=images, captions=captions, prompts=[""] * n, origin=np.zeros(n))


@pytest.mark.parametrize("kind", [ToEdit, ToEditSynthetic])
def test_captions_follow_from_the_captioners_own_probabilities(kind: type[ToEdit], captioner: Any) -> None:
    subject, other = pictures(8), pictures(8, first=50).with_(captions=["other"] * 8)
    given: dict[str, Any] = {"real": [other, subject], "new": other, "base": captioner}
    if kind is ToEditSynthetic:
        given = {"real": [other], "new": subject, "base": captioner}
    likely = token_likelihoods(captioner, subject.images, subject.captions)
    threshold = float(np.exp(np.median(np.concatenate([p[:-1] for p in likely]))))
    sure = [bool((np.exp(p[:-1]) > threshold).any()) for p in likely]
    spent: list[dict[str, int]] = []

    def check(method: Mitigation) -> None:
        found = ask(method, n=8, spend=lambda **counts: spent.append(counts), **given)
        assert found.ids.tolist() == subject.ids.tolist()
        assert np.array_equal(found.images, subject.images)
        changed = [a != b for a, b in zip(found.captions, subject.captions, strict=True)]
        assert any(changed)
        assert all(s or not c for s, c in zip(sure, changed, strict=True)), "what has no sure word stays to the letter"

    bites(check, kind(threshold=threshold))
    assert spent == [{"network_evaluations": 8}], "one pass a caption"
    assert same(ask(kind(threshold=1.0), **given), subject), "nothing is surer than sure"
    captioner.batch_size, before = 3, captioner.batch_size
    parts = ask(kind(threshold=threshold), **given)
    captioner.batch_size = before
    assert same(parts, ask(kind(threshold=threshold), **given))


def test_words_below_the_threshold_keep_their_tokens(captioner: Any) -> None:
    subject = pictures(4)
    labels = captioner.labels(subject.captions)
    batch = {"images": torch.from_numpy(subject.images), "labels": labels}
    with torch.no_grad():
        log_p = captioner.losses(batch)[1]["logits"].log_softmax(-1)
    p, tokens = log_p.exp().gather(-1, labels.clamp_min(0)[..., None])[..., 0].numpy(), labels.numpy()
    method = ToEdit(threshold=float(np.median(p[tokens >= 0])))
    edited = method.resampled(log_p, labels, captioner.family.ends, SEEDS[:4])
    assert not np.array_equal(edited, tokens)
    assert np.array_equal(edited[p <= method.threshold], tokens[p <= method.threshold])
    assert np.array_equal(edited == -100, tokens == -100)


def test_a_captioner_without_tokens_is_refused() -> None:
    with pytest.raises(StepError, match="writes no tokens"):
        ask(ToEdit(), real=[real()], base=object())


@pytest.mark.parametrize("rate", [0.25, 1.0])
def test_corpus_injection(rate: float) -> None:
    n = 4000
    human = real(n).with_(captions=[f"human {i}" for i in range(n)])
    ids = human.ids[::-1]
    prompts = [f"machine {i}" for i in ids.tolist()]
    caption = dict(zip(human.ids.tolist(), human.captions, strict=True))

    def check(method: Mitigation) -> None:
        found = ask(method, "prompts", prompts=prompts, ids=ids, real=[human, real(n, 2)], iteration=2)
        assert len(found) == n
        injected = [text != prompt for text, prompt in zip(found, prompts, strict=True)]
        assert all(text == caption[i] for text, i, new in zip(found, ids.tolist(), injected, strict=True) if new)
        assert abs(np.mean(injected) - rate) <= 5 * np.sqrt(rate * (1 - rate) / n)
        # Who is replaced hangs on the item and the iteration, not on the shard.
        part = ask(method, "prompts", prompts=prompts[:7], ids=ids[:7], real=[human], iteration=2)
        assert part == found[:7]
        if rate < 1:
            later = ask(method, "prompts", prompts=prompts, ids=ids, real=[human], iteration=3)
            assert later != found

    bites(check, CorpusInjection(rate), "prompts")


@pytest.mark.parametrize("modality", MODALITIES)
def test_content_injection(modality: str) -> None:
    """A captioner in the loop writes the captions of people's pictures; without one they bring their own."""
    new, spent = drawn("generator"), []

    def caption(images: np.ndarray, ids: np.ndarray) -> Generated:
        assert len(images) == len(ids)
        return Generated([f"seen {i}" for i in ids.tolist()], 5)

    def check(method: Mitigation) -> None:
        fresh = real(method.reserve_items(N), first=700)
        writes = caption if modality == "captioner" else None
        found = ask(
            method, new=new, reserve=[real(3), fresh], captioner=writes, spend=lambda **counts: spent.append(counts)
        )
        assert len(found) == N
        count = N // 3
        assert np.array_equal(found.images, np.concatenate([fresh.images, new.images[: N - count]]))
        said = tuple(f"seen {i}" for i in fresh.ids.tolist()) if writes else fresh.captions
        assert found.captions == said + new.captions[: N - count]
        assert found.origin.tolist() == [0] * count + [1] * (N - count), "people's pictures count as consumed"

    bites(check, ContentInjection(1 / 3))
    assert spent == ([{"network_evaluations": 5}] if modality == "captioner" else [])


@pytest.mark.parametrize("fraction", [0.5, 1.0])
def test_partial_relabel(fraction: float) -> None:
    n = 4000
    pairs = drawn("generator", n, draws=2)

    def caption(model: Any, rows: Any = slice(None)) -> list[str]:
        asked.append((model.name, len(pairs.ids[rows])))
        return [f"{model.name} {i}" for i in np.arange(2 * n)[rows].tolist()]

    base, live = SimpleNamespace(name="base"), SimpleNamespace(name="live")
    asked: list[tuple[str, int]] = []

    def check(method: Mitigation) -> None:
        asked.clear()
        found = ask(method, "relabel", pairs=pairs, caption=caption, base=base, live=live)
        assert [int(text.split()[1]) for text in found] == list(range(2 * n))
        frozen = np.array([text.startswith("base") for text in found])
        assert abs(frozen.mean() - fraction) <= 5 * np.sqrt(fraction * (1 - fraction) / (2 * n))
        assert sum(count for _, count in asked) == 2 * n, "no pair is captioned twice"
        assert fraction == 1 or (frozen[:n] != frozen[n:]).any(), "two draws of a prompt are labelled apart"

    bites(check, PartialRelabel(fraction), "relabel")
