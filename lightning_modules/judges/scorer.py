"""A dual encoder that mitigations may use: convolutions for images, BERT for text (2201.03545, 1810.04805)."""

from __future__ import annotations

from typing import ClassVar

from transformers import PreTrainedModel, VisionTextDualEncoderModel

from lightning_modules.judges.clip import ClipJudge


class DualScorer(ClipJudge):
    """Same interface as the judge, another architecture: it must not share the judge's blind spots."""

    name: ClassVar[str] = "dual_scorer"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, str, tuple[str, ...]]] = ("config.json", "model_type", ("vision-text-dual-encoder",))
    model_class: ClassVar[type[PreTrainedModel]] = VisionTextDualEncoderModel
