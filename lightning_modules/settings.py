"""How to decode and how to fit: plain values, free of torch; one that is out of range is a ValueError at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

#: Marks a field that came after the first results: at its default it leaves every older key as it was.
ADDED = {"added": True}


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
        guidance: classifier-free guidance scale (2207.12598), 1 or more; 1 = the conditional model alone, which other
            libraries also call 0.
        scheduler: name of a diffusers scheduler class to sample with; "" = the model's own.
        negative_prompt: what guidance leads away from; "" = the model's own empty condition.
    """

    steps: int = 16
    guidance: float = 2.0
    scheduler: str = field(default="", metadata=ADDED)
    negative_prompt: str = field(default="", metadata=ADDED)

    def __post_init__(self) -> None:
        _require(self.steps >= 1, "steps must be at least 1")
        told = "guidance must be a number >= 1; 1 is the conditional model alone, as of distilled models"
        _require(math.isfinite(self.guidance) and self.guidance >= 1, told)

    @property
    def evaluations(self) -> int:
        """Network evaluations per image: one per step, two where guidance needs the empty prompt."""
        return self.steps * (1 if self.guidance == 1 else 2)


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters (2106.09685) in place of full fine-tuning; trained through peft.

    Attributes:
        rank: of the two factors.
        alpha: scale of their product, which is alpha / rank.
        targets: names (endings) of the layers that get one; () = the usual ones of the model's family.
    """

    rank: int = 16
    alpha: float = 16.0
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(self.rank >= 1, "rank must be at least 1")
        _require(math.isfinite(self.alpha) and self.alpha > 0, "alpha must be a number above 0")


#: Settings of a fit that are one of some words.
CHOICES = {
    "lora_start": ("kaiming", "gaussian"),
    "latents": ("mode", "sample"),
    "flow_times": ("logit_normal", "uniform"),
    "flow_error": ("velocity", "latents"),
    "token_mean": ("caption", "batch"),
}


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
        lora: train adapters only, continued from iteration to iteration; None = all trainable weights.
        precision: of the forward and backward pass, "32", "tf32" (float32 whose products NVIDIA GPUs may round to ten
            bits of mantissa; elsewhere as "32") or "bf16"; trained weights and optimizer stay float32.
        average: decay of a moving average of the trained weights that is kept in their place; 0 = the last weights.
        min_snr: gamma of the min-SNR loss weights (2303.09556; generators only); 0 = all times weigh the same.
        snr_floor: smallest such weight of an error of the latents, at most `min_snr` (2202.00512 has 1); 0 = none.
        lora_start: what the first factor of a new adapter is drawn from: "kaiming", a uniform distribution as wide as
            a layer of its size gets (peft), or "gaussian", of standard deviation 1 / rank (diffusers' scripts).
        latents: of an image, "mode", the autoencoder's likeliest, or "sample", drawn anew in every step (generators).
        flow_times: of flow matching, "logit_normal" (2403.03206) or "uniform" (generators).
        flow_error: of flow matching, of the "velocity", or of the "latents" that it says are there, which weighs a time
            by its square (generators).
        token_mean: over the tokens of each "caption", then over captions, or over those of the "batch" (captioners).
    """

    steps: int
    learning_rate: float
    batch_size: int = 64
    weight_decay: float = 0.0
    warmup: int = 0
    condition_drop: float = 0.0
    gradient_clip: float = 1.0
    lora: Lora | None = field(default=None, metadata=ADDED)
    precision: Literal["32", "tf32", "bf16"] = field(default="32", metadata=ADDED)
    average: float = field(default=0.0, metadata=ADDED)
    min_snr: float = field(default=0.0, metadata=ADDED)
    snr_floor: float = field(default=0.0, metadata=ADDED)
    lora_start: Literal["kaiming", "gaussian"] = field(default="kaiming", metadata=ADDED)
    latents: Literal["mode", "sample"] = field(default="mode", metadata=ADDED)
    flow_times: Literal["logit_normal", "uniform"] = field(default="logit_normal", metadata=ADDED)
    flow_error: Literal["velocity", "latents"] = field(default="velocity", metadata=ADDED)
    token_mean: Literal["caption", "batch"] = field(default="caption", metadata=ADDED)

    def __post_init__(self) -> None:
        _require(self.steps >= 0, "steps must be at least 0")
        _require(self.batch_size >= 1, "batch_size must be at least 1")
        _require(math.isfinite(self.learning_rate) and self.learning_rate >= 0, "learning_rate must be a number >= 0")
        _require(math.isfinite(self.weight_decay) and self.weight_decay >= 0, "weight_decay must be a number >= 0")
        _require(self.warmup >= 0, "warmup must be at least 0")
        _require(0 <= self.condition_drop <= 1, "condition_drop must lie in [0, 1]")
        _require(math.isfinite(self.gradient_clip) and self.gradient_clip >= 0, "gradient_clip must be a number >= 0")
        _require(0 <= self.average < 1, "average must lie in [0, 1)")
        _require(self.precision in ("32", "tf32", "bf16"), "precision must be '32', 'tf32' or 'bf16'")
        for name, allowed in CHOICES.items():
            _require(getattr(self, name) in allowed, f"{name} must be {' or '.join(map(repr, allowed))}")
        _require(math.isfinite(self.min_snr) and self.min_snr >= 0, "min_snr must be a number >= 0")
        _require(0 <= self.snr_floor <= self.min_snr, "snr_floor must lie in [0, min_snr]")


@dataclass(frozen=True)
class Execution:
    """How a machine goes about a fit or a generation; recorded, and never part of a key.

    Attributes:
        micro_batch: samples that go through the network at once while training; 0 = the whole batch. Gradients add
            up to those of the whole batch; what is too large for the memory is halved and tried again.
        generate_batch: samples that are generated at once; 0 = the model's own choice.
        gradient_checkpointing: recompute activations in the backward pass instead of keeping them.
        compile: compile the denoiser for sampling; of a captioner in bfloat16, leave out the casts of autocast.
        merge_adapters: add adapters to the weights that they sit on while sampling on an accelerator.
        devices: devices of one fit; "auto" = all.
        nodes: machines of one fit.
    """

    micro_batch: int = 0
    generate_batch: int = 0
    gradient_checkpointing: bool = False
    compile: bool = False
    merge_adapters: bool = False
    devices: int | Literal["auto"] = 1
    nodes: int = 1

    def __post_init__(self) -> None:
        _require(self.micro_batch >= 0, "micro_batch must be at least 0")
        _require(self.generate_batch >= 0, "generate_batch must be at least 0")
        _require(self.devices == "auto" or self.devices >= 1, "devices must be 'auto' or at least 1")
        _require(self.nodes >= 1, "nodes must be at least 1")
