"""A judge of captions: a text encoder pooled to one vector a sentence (Sentence-BERT, 1908.10084)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, PreTrainedModel

from lightning_modules.fitting.devices import device
from lightning_modules.inputs.tokens import places, tokenize
from lightning_modules.judges.frozen import FrozenJudge, embed
from lightning_modules.weights import loading
from lightning_modules.weights.pooling import LENGTH, POOLING, pooling_of, read


class SentenceJudge(FrozenJudge):
    """Embeds captions as the mean of their tokens' last hidden states, or as the first one, not normalised.

    Attributes:
        pooling: "mean" over the tokens that are no padding, or "cls", the first token.
        longest: longest caption in tokens, special ones included; None = what tokenizer and positions allow.
    """

    name: ClassVar[str] = "sentence_judge"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, str, tuple[str, ...]]] = (
        "config.json",
        "model_type",
        ("albert", "bert", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta"),
    )
    embeds: ClassVar[tuple[str, ...]] = ("captions",)

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Any,
        pooling: str = "mean",
        longest: int | None = None,
        batch_size: int = 256,
    ) -> None:
        """Wrap an encoder with its tokenizer; `batch_size` is for embedding."""
        super().__init__(batch_size)
        self.model, self.tokenizer, self.pooling, self.longest = model, tokenizer, pooling, longest

    @classmethod
    def load(cls, folder: Path, dtype: str = "float32") -> Self:
        """Read an encoder, and how its tokens are pooled in a sentence-transformers folder: see `pooling_of`."""
        folder = Path(folder)
        pooling, length = pooling_of(folder), read(folder / LENGTH).get("max_seq_length")
        # The last hidden states are pooled here, not by the encoder's own head.
        model, tokenizer = loading.read(folder, dtype, AutoModel, AutoTokenizer, unread=(r"^pooler\.",), heads=True)
        return cls(model, tokenizer, pooling, length).frozen(dtype)

    def save(self, folder: Path) -> None:
        """Write encoder and tokenizer with `save_pretrained`, and the pooling as sentence-transformers does."""
        folder = Path(folder)
        loading.write(folder, self.model, self.tokenizer)
        (folder / POOLING).parent.mkdir(exist_ok=True)
        chosen = {f"pooling_mode_{name}": self.pooling in name for name in ("cls_token", "mean_tokens")}
        (folder / POOLING).write_text(json.dumps(chosen) + "\n")
        if self.longest is not None:
            (folder / LENGTH).write_text(json.dumps({"max_seq_length": self.longest}) + "\n")

    def embed_texts(self, captions: Sequence[str]) -> np.ndarray:
        """Embed n captions as (n, d) float32; an empty caption is a caption too."""
        limits = (self.longest, places(self.model))

        def features(part: slice) -> Tensor:
            ids, mask = (t.to(device()) for t in tokenize(self.tokenizer, captions[part], limits=limits))
            tokens = self.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            if self.pooling == "cls":
                return tokens[:, 0]
            return (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)

        return embed(self, len(captions), self.model.config.hidden_size, features)
