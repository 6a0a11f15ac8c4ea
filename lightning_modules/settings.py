"""How to decode and how to fit: plain values, checked when made, free of torch."""

from __future__ import annotations

import math
from dataclasses import dataclass


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True)
class CaptionDecoding:
    """How a captioner writes.

    Attributes:
        temperature: 0 = greedy (or beam search); above 0 = sampling.
        top_p: nucleus kept before sampling (1904.09751), in (0, 1].
        beams: beam width; sampling inside a beam search is refused.
        best_of: captions sampled per image; the one the captioner itself finds likeliest is kept.
        max_new_tokens: longest caption in tokens, end token included.

    Raises:
        ValueError: a value is out of range, or sampling and beams are asked for together.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    beams: int = 1
    best_of: int = 1
    max_new_tokens: int = 40

    def __post_init__(self) -> None:
        """Check every value."""
        _require(math.isfinite(self.temperature) and self.temperature >= 0, "temperature must be a number >= 0")
        _require(0 < self.top_p <= 1, "top_p must lie in (0, 1]")
        _require(self.beams >= 1, "beams must be at least 1")
        _require(self.best_of >= 1, "best_of must be at least 1")
        _require(self.max_new_tokens >= 1, "max_new_tokens must be at least 1")
        _require(self.temperature == 0 or self.beams == 1, "sampling inside beam search is refused: set beams to 1")
        _require(self.best_of == 1 or self.temperature > 0, "best_of needs sampling: set temperature above 0")

    @property
    def evaluations(self) -> int:
        """Network evaluations per caption: sequences decoded side by side (beams, or draws)."""
        return self.beams * self.best_of


@dataclass(frozen=True)
class ImageDecoding:
    """How a generator draws.

    Attributes:
        steps: denoising steps.
        guidance: classifier-free guidance scale (2207.12598); 1 = the conditional model alone.

    Raises:
        ValueError: a value is out of range.
    """

    steps: int = 16
    guidance: float = 2.0

    def __post_init__(self) -> None:
        """Check every value."""
        _require(self.steps >= 1, "steps must be at least 1")
        _require(math.isfinite(self.guidance) and self.guidance >= 0, "guidance must be a number >= 0")

    @property
    def evaluations(self) -> int:
        """Network evaluations per image: one per step, two where guidance needs the empty prompt."""
        return self.steps * (1 if self.guidance == 1 else 2)


@dataclass(frozen=True)
class FitSettings:
    """How a model is trained on pairs.

    Attributes:
        steps: optimizer steps, exactly.
        learning_rate: of AdamW, constant after the warm-up.
        batch_size: samples per step.
        weight_decay: of AdamW.
        warmup: steps of linear warm-up.
        condition_drop: share of captions replaced by the empty prompt (generators only), in [0, 1].
        gradient_clip: largest gradient norm; 0 = no clipping.

    Raises:
        ValueError: a value is out of range.
    """

    steps: int
    learning_rate: float
    batch_size: int = 64
    weight_decay: float = 0.0
    warmup: int = 0
    condition_drop: float = 0.0
    gradient_clip: float = 1.0

    def __post_init__(self) -> None:
        """Check every value."""
        _require(self.steps >= 0, "steps must be at least 0")
        _require(self.batch_size >= 1, "batch_size must be at least 1")
        _require(math.isfinite(self.learning_rate) and self.learning_rate >= 0, "learning_rate must be a number >= 0")
        _require(math.isfinite(self.weight_decay) and self.weight_decay >= 0, "weight_decay must be a number >= 0")
        _require(self.warmup >= 0, "warmup must be at least 0")
        _require(0 <= self.condition_drop <= 1, "condition_drop must lie in [0, 1]")
        _require(math.isfinite(self.gradient_clip) and self.gradient_clip >= 0, "gradient_clip must be a number >= 0")
