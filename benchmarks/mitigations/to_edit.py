"""ToEdit: resample the words of a caption that a language model is all too sure of (2412.14689)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.knobs import positive, share, whole
from benchmarks.seeds import gumbel, mix, sample_seeds
from benchmarks.study.suite import Scenario
from datamodules.pairs import Pairs
from records.errors import StepError

if TYPE_CHECKING:
    from torch import Tensor


class ToEdit(Mitigation):
    """Train on real pairs whose captions were edited: human text stays, but for its most predictable tokens.

    One teacher-forced pass of the base captioner, the paper's fixed prior, gives each token its probability. A token
    above the threshold is drawn anew from softmax(log p / beta) over the likeliest candidates at its place; all others
    stay. The end of a caption is neither moved nor drawn (ours: a text of the paper has no end to lose).

    Args:
        threshold: Probability above which a token is drawn anew; the paper's 0.99.
        beta: Temperature of the draw; the published 1.5.
        candidates: Likeliest tokens that are drawn from, the old one among them; the published code's 8.
    """

    name: ClassVar[str] = "to_edit"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("real", "base")}

    def __init__(self, threshold: float = 0.99, beta: float = 1.5, candidates: int = 8):
        self.threshold, self.beta = share("threshold", threshold, zero=True), positive("beta", beta)
        self.candidates = whole("candidates", candidates, 2)

    def applies(self, scenario: Scenario) -> bool:
        """Where no captioner learns there is no caption to edit for it."""
        return "captioner" in scenario.trains

    def subject(self, ctx: Any) -> Pairs:
        """Return the pairs to edit: real ones."""
        return ctx.real[-1]

    def curate(self, ctx: Any) -> Pairs:
        """Return the pairs with their captions edited."""
        if not hasattr(ctx.base, "tokenizer"):
            raise StepError(f"{type(ctx.base).__name__} writes no tokens; allowed: a captioner that does")
        pairs = self.subject(ctx)
        draws = np.zeros(len(pairs), np.int64) if pairs.draw is None else pairs.draw
        captions: list[str] = []
        for start in range(0, len(pairs), ctx.base.batch_size):
            rows = slice(start, start + ctx.base.batch_size)
            seeds = sample_seeds(ctx.seed, pairs.ids[rows], draws[rows])
            captions += self.edited(ctx.base, pairs.images[rows], pairs.captions[rows], seeds)
        ctx.spend(network_evaluations=len(pairs))
        return pairs.with_(captions=tuple(captions))

    def edited(self, model: Any, images: np.ndarray, captions: tuple[str, ...], seeds: np.ndarray) -> list[str]:
        """Return captions with their surest tokens drawn anew; one where none is drawn stays as it was, to the letter.

        Args:
            model: A `CaptionerModule`.
            images: (n, H, W, 3) uint8.
            captions: n texts.
            seeds: (n,) uint64; every random number of caption i comes from seeds[i] alone.
        """
        import torch

        from lightning_modules.fitting.devices import device
        from lightning_modules.fitting.precision import as_loaded

        model.eval().to(device())
        tokens = model.labels(captions).to(model.device)
        batch = {"images": torch.from_numpy(np.ascontiguousarray(images)), "labels": tokens}
        log_p = as_loaded(lambda m: m.losses(batch)[1]["logits"])(model).log_softmax(-1)
        edited = self.resampled(log_p, tokens, model.family.ends, seeds)
        changed = (edited != tokens.cpu().numpy()).any(1)
        ends = {-100, *model.family.ends}
        kept = [[token for token in row if token not in ends] for row in edited.tolist()]
        texts = model.tokenizer.batch_decode(kept, skip_special_tokens=True)
        return [" ".join(text.split()) if new else old for text, old, new in zip(texts, captions, changed, strict=True)]

    def resampled(self, log_p: Tensor, tokens: Tensor, ends: list[int], seeds: np.ndarray) -> np.ndarray:
        """Return tokens (n, t) int64 after the edit.

        Args:
            log_p: (n, t, v) log-probabilities at each place.
            tokens: (n, t), filled up with -100.
            ends: Tokens that end a caption.
            seeds: (n,) uint64.
        """
        import torch

        word = (tokens != -100) & ~torch.isin(tokens, torch.tensor(ends, device=tokens.device))
        own = log_p.gather(-1, tokens.clamp_min(0)[..., None])[..., 0]
        sure = (word & (own.exp() > self.threshold)).cpu().numpy()
        log_p = log_p.index_fill(-1, torch.tensor(ends, device=log_p.device), -torch.inf)  # an end is never drawn
        top = log_p.topk(min(self.candidates, log_p.shape[-1]), dim=-1)
        score, candidate = (part.cpu().double().numpy() for part in top)
        # One number for each place and rank, so that neither the batch nor its padding matters.
        place = np.arange(score[0].size, dtype=np.uint64).reshape(score.shape[1:])
        noise = gumbel(mix(mix(seeds)[:, None, None] ^ place))
        chosen = np.take_along_axis(candidate, (score / self.beta + noise).argmax(-1)[..., None], -1)[..., 0]
        return np.where(sure, chosen.astype(np.int64), tokens.cpu().numpy())


class ToEditSynthetic(ToEdit):
    """The same edit on the loop's own captions, where the paper edits human text (ours): no real pair is consumed."""

    name: ClassVar[str] = "to_edit_synthetic"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new", "base")}

    def subject(self, ctx: Any) -> Pairs:
        """Return the pairs to edit: synthetic ones."""
        return ctx.new
