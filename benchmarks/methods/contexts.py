"""What each hook is given, typed: for editors, type checkers and readers. `docs/method-api.md` has it in words.

At run time a hook gets a `benchmarks.methods.hooks.Context`, which has what the protocol of its hook says; what is
marked as read has to be declared in `reads`. Nothing here is imported when a method runs, so that annotations with
these classes cost nothing and enter no key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from datamodules.pairs import Pairs
from records.names import Modality

if TYPE_CHECKING:
    from lightning_modules.fitting.contracts import Generated
    from lightning_modules.settings import CaptionDecoding, FitSettings, ImageDecoding

#: Scorer name -> {"ids": (n,), "images": (n, d), "captions": (n, d)}, all in the order of the pool they are of.
Scores = Mapping[str, Mapping[str, np.ndarray]]


class HookContext(Protocol):
    """What every hook has.

    Attributes:
        iteration: t, from 1.
        seed: Of this hook in this step: draw all random numbers from it.
    """

    iteration: int
    seed: int

    def spend(self, **counts: int) -> None:
        """Add to the cost of the step: `network_evaluations`, `training_steps`, `real_samples`, `synthetic_samples`."""

    def note(self, **values: float) -> None:
        """Keep numbers in the manifest of what the step makes; they enter no key and no result."""


class Earlier(HookContext, Protocol):
    """What any hook may read, once it says so.

    Attributes:
        history: The uncurated pools of iterations 1..t-1.
        real: What the control `real` trains on, iterations 1..t.
        reserve: Unseen real pairs, iterations 1..t, disjoint; their sizes are those of `reserve_items`.
        base: The base model of the modality at hand.
        previous: The model of iteration t-1.
        start: The model that the fit at hand starts from.
        scores: Scores of the uncurated pools, one mapping an iteration: of 1..t, or of 1..t-1 before t is made.
        real_scores: Scores of the pairs of `real`, one mapping an iteration; these count as consumed.
        auxiliary: Modality -> what `auxiliary` returned.
    """

    history: Sequence[Pairs]
    real: Sequence[Pairs]
    reserve: Sequence[Pairs]
    base: Any
    previous: Any
    start: Any
    scores: Sequence[Scores]
    real_scores: Sequence[Scores]
    auxiliary: Mapping[str, Any]


class PromptsContext(Earlier, Protocol):
    """What `prompts` is given.

    Attributes:
        prompts: n texts that the generator would be asked for.
        ids: (n,) their items.
    """

    prompts: list[str]
    ids: np.ndarray


class SamplingContext(Earlier, Protocol):
    """What `sampling` is given.

    Attributes:
        decoding: How is sampled: a `CaptionDecoding` or an `ImageDecoding`, frozen dataclasses.
        modality: "captioner" or "generator".
    """

    decoding: CaptionDecoding | ImageDecoding
    modality: Modality


class RelabelContext(Earlier, Protocol):
    """What `relabel` is given.

    Attributes:
        pairs: n images to caption, with captions still those that they were drawn from.
        live: The captioner of t-1.
        caption: caption(model, rows=all) returns the model's captions of the images at some positions; it is costed.
    """

    pairs: Pairs
    live: Any
    caption: Callable[..., list[str]]


class CurateContext(Earlier, Protocol):
    """What `curate` is given.

    Attributes:
        n: N, the pairs that the control trains on.
        new: The uncurated pool of this iteration, `oversample` x N pairs.
        scorers: Scores of `new`, in its order.
        captioner: captioner(images, ids) captions as this iteration's labelling captioner does; None where captions
            are the prompts.
        likelihood: likelihood(pairs) returns (n,) float64, the mean log-likelihood a token of their captions given
            their images, under the captioner that labels in this iteration; None where captions are the prompts.
    """

    n: int
    new: Pairs
    scorers: Scores
    captioner: Callable[[Any, np.ndarray], Generated] | None
    likelihood: Callable[[Pairs], np.ndarray] | None


class ObjectiveContext(Earlier, Protocol):
    """What `objective` is given.

    Attributes:
        modality: "captioner" or "generator".
        settings: How is trained.
        pool: The pairs that are trained on.
        new: The uncurated pool of this iteration.
    """

    modality: Modality
    settings: FitSettings
    pool: Pairs
    new: Pairs


class AuxiliaryContext(Earlier, Protocol):
    """What `auxiliary` is given.

    Attributes:
        modality: "captioner" or "generator".
        settings: How a model is trained here.
        pool: The curated pool, which may be changed.
        progress: progress(done, total), for who waits; may be None.
        fresh: fresh(name) returns a copy of a declared model that may be trained.
        new: The uncurated pool of this iteration.
        fitted: The model of iteration t, made after fit and merge.
    """

    modality: Modality
    settings: FitSettings
    pool: Pairs
    progress: Callable[[int, int], None] | None
    fresh: Callable[[str], Any]
    new: Pairs
    fitted: Any


class MergeContext(Earlier, Protocol):
    """What `merge` is given.

    Attributes:
        new_model: The freshly trained model, which may be changed and returned.
        modality: "captioner" or "generator".
        new: The uncurated pool of this iteration.
    """

    new_model: Any
    modality: Modality
    new: Pairs
