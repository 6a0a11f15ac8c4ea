"""Image-to-text models: a transformers captioner with its tokenizer as one Lightning module."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer, PreTrainedModel

from lightning_modules import memory
from lightning_modules.captioning.decoding import complete, processors, tokens_of, without_decoding
from lightning_modules.families.image_to_text import family_of
from lightning_modules.fitting import adapter_files, runner
from lightning_modules.fitting.contracts import Generated, Progress
from lightning_modules.fitting.devices import device
from lightning_modules.fitting.looking import in_halves
from lightning_modules.fitting.merged import merged
from lightning_modules.fitting.objectives import loss_weights
from lightning_modules.fitting.pairs import PairModule
from lightning_modules.fitting.precision import as_loaded, halved, own_precision
from lightning_modules.inputs.pixels import distinct, side_by_side
from lightning_modules.seeds import derive, streams_of
from lightning_modules.settings import CaptionDecoding, FitSettings
from lightning_modules.weights import loading, shared, sources
from lightning_modules.weights.quiet import quiet

#: Weights that no caption depends on: an image encoder's summary, where the words attend to all that it sees.
UNREAD = (r"^encoder\.pooler\.",)
#: What a saved captioner was made with beside its parts, where that is not the default.
SETTINGS = "captioner.json"


class CaptionerModule(PairModule):
    """A captioner.

    Attributes:
        model: a transformers image-to-text model of a family in `families/`.
        batch_size: images captioned side by side; no result depends on it beyond rounding.
        max_length: longest caption to train on in tokens, as far as there are positions; longer ones are cut.
        prompt: what captions continue, or the instruction that asks for them; None = the family's own.
        beside: files of the library's processor, by name, which are saved again as they were.
    """

    modality: ClassVar[str] = "captioner"
    name: ClassVar[str] = "captioner"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, str, tuple[str, ...]]] = ("config.json", "model_type", ())

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Any,
        image_processor: Any,
        batch_size: int = 128,
        max_length: int = 64,
        prompt: str | None = None,
    ) -> None:
        super().__init__()
        if max_length < 1:
            raise ValueError(f"max_length: found {max_length}; allowed: at least 1 token")
        without_decoding(model)
        self.model, self.tokenizer, self.image_processor = model, tokenizer, image_processor
        self.batch_size, self.max_length, self.prompt = batch_size, max_length, prompt
        self.family = family_of(model.config.model_type)(model, tokenizer, prompt)
        room = self.family.room
        if room is not None and room < 1:
            raise ValueError(
                f"prompt: found {len(self.family.opening)} tokens; allowed: at least {1 - room} fewer, "
                "so that the model has a position left for a caption"
            )
        for name, parameter in model.named_parameters():
            if name.startswith(self.family.frozen):
                parameter.requires_grad_(False)
        self.keep_features = self.family.features_are_frozen
        self.beside: dict[str, str] = {}
        self._work: dict[str, Any] = {}
        self.eval()

    @classmethod
    def load(cls, folder: Path, dtype: str = "float32", **arguments: Any) -> Self:
        """Read a folder in transformers' layout, or an adapter with its base, without a network.

        Tokenizer and image processor may lie there by themselves or as parts of a processor.

        Args:
            folder: what `save` wrote, or `save_pretrained`.
            dtype: of the frozen weights, "float32" or "bfloat16"; a folder that `save` wrote knows its own.
            arguments: of `__init__` beside the parts; what is not given is as it was saved.

        Raises:
            OSError: `folder` holds no model.
            ValueError: no family file for this model type, or the base of an adapter is not there.
        """
        if sources.is_adapter(folder):
            return adapter_files.load(cls, folder)
        return shared.base(cls, folder, dtype, arguments, lambda: cls._read(folder, dtype, arguments))

    @classmethod
    def _read(cls, folder: Path, dtype: str, arguments: dict[str, Any]) -> Self:
        """Read whole weights."""
        kinds, tokens = (AutoModelForImageTextToText, AutoTokenizer, AutoImageProcessor), tokens_of(folder)
        parts = loading.read(folder, dtype, *kinds, unread=UNREAD, generation_config=tokens)
        saved = Path(folder) / SETTINGS
        settings = json.loads(saved.read_text(encoding="utf-8")) if saved.is_file() else {}
        module = cls(*parts, **{**settings, **arguments})
        module.beside = loading.beside(folder)
        return loading.loaded(module, folder, dtype, **arguments)

    def save(self, folder: Path) -> None:
        """Write model, tokenizer and image processor with `save_pretrained`; of an adapted model the adapter alone."""
        if self.lora is not None:
            adapter_files.save(self, folder)
            return
        loading.write(folder, self.model, self.tokenizer, self.image_processor)
        for name, text in self.beside.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        usual = {"max_length": 64, "prompt": None}
        settings = {name: getattr(self, name) for name, value in usual.items() if getattr(self, name) != value}
        if settings:
            (Path(folder) / SETTINGS).write_text(json.dumps(settings, sort_keys=True) + "\n", encoding="utf-8")
        loading.mark(self, folder)

    def trained_part(self) -> PreTrainedModel:
        """Return the whole model; what the family keeps frozen gets no adapter."""
        return self.model

    def train_all(self) -> None:
        """Train every parameter, as when starting from scratch."""
        self.model.requires_grad_(True)
        self.keep_features = False

    @as_loaded
    def encode(
        self, images: np.ndarray, captions: Sequence[str], weights: np.ndarray | None = None
    ) -> dict[str, Tensor]:
        """Return the rows of a fit: images (or their features where those are frozen) and labels.

        An empty caption teaches to end at once.
        """
        self.eval().to(device())
        different, back = distinct(images)
        rows = {"labels": self.labels(captions), "weights": loss_weights(len(images), weights)}
        if not self._keeps:
            return {**rows, "images": torch.from_numpy(np.ascontiguousarray(images))}
        seen = lambda part: self.family.features(self._pixels(different[part])).cpu()  # noqa: E731
        parts = memory.in_parts("encode", len(different), self.batch_size, seen)
        return {**rows, "features": torch.cat(parts)[back]}

    @property
    def _keeps(self) -> bool:
        """Whether a fit sees each image once: where all that sees is frozen, under adapters on an accelerator alone.

        Features of other images beside them round otherwise; on a processor the bytes of fits stay what they were.
        """
        trained = (name for name, p in self.model.named_parameters() if p.requires_grad)
        return self.keep_features or (
            device().type != "cpu" and not any(name.startswith(self.family.sight) for name in trained)
        )

    def labels(self, captions: Sequence[str]) -> Tensor:
        """Return the tokens to be learned, words then end, (n, t) int64, filled up with -100.

        A caption that is too long is cut, and does not teach to end where it was cut.
        """
        room = self.family.room
        longest = self.max_length if room is None else min(self.max_length, room)
        words = [self.family.words(text) for text in captions]
        rows = [torch.tensor([*ids, self.family.end] if len(ids) <= longest else ids[:longest]) for ids in words]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)

    def draw(self, batch: dict[str, Tensor], settings: FitSettings) -> dict[str, Tensor]:
        """Return how much each caption counts in a mean over the tokens of the batch: as much as it is long."""
        if settings.token_mean == "caption":
            return {}
        counts, weights = (batch["labels"] != -100).sum(1), batch["weights"]
        return {"share": counts * weights.sum() / (counts * weights).sum().clamp_min(1e-8)}

    @in_halves
    def losses(self, batch: dict[str, Tensor], settings: FitSettings | None = None) -> tuple[Tensor, dict[str, Any]]:
        """Return the mean negative log-likelihood per token (b,), over words and end token only.

        The context holds "token_losses", "token_mask" and "labels" (b, t), "logits" (b, t, v), and of `draw` "share".
        """
        labels = batch["labels"]
        labels = labels[:, : int((labels != -100).sum(1).max())]
        features = batch.get("features")
        if features is None:
            features = self.family.features(self._pixels(batch["images"].cpu().numpy()))
        mask = labels != -100
        known = labels.masked_fill(~mask, self.family.pad)
        # What is read is what is written, one place later, behind the start token.
        ids = torch.cat([torch.full_like(known[:, :1], self.family.start), known[:, :-1]], 1)
        logits = self.family.logits(features, ids, mask.long()).float()
        token_losses = F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=-100, reduction="none")
        drawn = {name: batch[name] for name in ("share",) if name in batch}
        context = {"token_losses": token_losses, "token_mask": mask, "logits": logits, "labels": labels, **drawn}
        return token_losses.sum(1) / mask.sum(1) * drawn.get("share", 1.0), context

    def distance_from(self, context: dict[str, Any], other: dict[str, Any]) -> Tensor:
        """Return the mean over tokens (b,) of KL(other, own), the Kullback-Leibler divergence of the next token.

        It is large where this model has given up what the other one holds possible.
        """
        mask = context["token_mask"]
        theirs, own = (F.log_softmax(c["logits"], -1) for c in (other, context))
        return ((theirs.exp() * (theirs - own)).sum(-1) * mask).sum(1) / mask.sum(1)

    @as_loaded
    def log_likelihood(
        self, images: np.ndarray, captions: Sequence[str], progress: Progress | None = None
    ) -> np.ndarray:
        """Return the mean log-likelihood a token (n,) float64 of captions of images, words and end as a fit has them.

        `progress` is called as progress(captions done, captions in all).
        """
        if not len(captions):
            return np.empty(0)
        rows = self.encode(images, captions)
        del rows["weights"]
        found = []
        for start in range(0, len(captions), self.batch_size):
            batch = {name: row[start : start + self.batch_size].to(self.device) for name, row in rows.items()}
            found.append(-self.losses(batch)[0].double().cpu().numpy())
            if progress is not None:
                progress(min(start + self.batch_size, len(captions)), len(captions))
        return np.concatenate(found)

    def generate(
        self, inputs: np.ndarray, decoding: CaptionDecoding, seeds: np.ndarray, progress: Progress | None = None
    ) -> Generated:
        """Write one caption per image (n, H, W, 3) uint8, by greedy search, beams, or sampling with best-of.

        All random numbers of caption i come from seeds[i] alone, of (n,) uint64; fewer or more seeds are a ValueError.
        Network evaluations count sequences: n x beams x best_of. `progress` is called as progress(captions done,
        captions in all).
        """
        if len(inputs) != len(seeds):
            raise ValueError(f"one seed per image: {len(inputs)} images, {len(seeds)} seeds")
        room = self.family.room
        if room is not None and decoding.max_new_tokens > room + 1:  # the last word is never read
            raise ValueError(
                f"decoding: max_new_tokens: found {decoding.max_new_tokens}; allowed: at most {room + 1}, "
                "for which this captioner has positions"
            )
        without_decoding(self.model)  # once more: whoever holds the model may have set some since
        self._work = {"images": inputs, "decoding": decoding, "seeds": seeds}
        with merged(self):
            parts = runner.predict(self, len(inputs), self.batch_size, progress)
        self._work = {}
        return Generated([text for part in parts for text in part], len(inputs) * decoding.evaluations)

    def predict_step(self, batch: list[int], batch_idx: int) -> list[str]:
        """Write the captions of the images numbered in `batch`, side by side as far as there is memory."""
        parts = memory.in_parts("captions", len(batch), len(batch), lambda part: self._captions(batch[part]))
        return [text for part in parts for text in part]

    def _captions(self, batch: list[int]) -> list[str]:
        decoding: CaptionDecoding = self._work["decoding"]
        seeds = [int(self._work["seeds"][i]) for i in batch]
        with own_precision(self.model, self.compiles and halved(self.model)):
            features = self.family.features(self._pixels(self._work["images"][batch]))
            draws = [
                self._write(features, decoding, seeds if draw == 0 else [derive(s, draw) for s in seeds])
                for draw in range(decoding.best_of)
            ]
        if len(draws) == 1:
            return self._texts(draws[0])
        likelihood = torch.stack([-self.losses({"features": features, "labels": tokens})[0] for tokens in draws])
        best = likelihood.argmax(0).tolist()
        texts = [self._texts(tokens) for tokens in draws]
        return [texts[draw][i] for i, draw in enumerate(best)]

    def _write(self, features: Tensor, decoding: CaptionDecoding, seeds: list[int]) -> Tensor:
        """Return tokens (n, t), words then end, filled up with -100."""
        streams = streams_of(seeds) if decoding.temperature > 0 else []
        with quiet():  # it would guess at padding that cannot be there: every caption starts with one token
            tokens = self.family.write(
                features,
                generation_config=complete(decoding, self.family),
                logits_processor=processors(decoding, streams, self.family.ends, features.device.type != "cpu"),
            )
        ends = torch.isin(tokens, torch.tensor(self.family.ends, device=tokens.device)).long()
        return tokens.masked_fill(ends.cumsum(1) - ends > 0, -100)

    def _texts(self, tokens: Tensor) -> list[str]:
        dropped = {-100, *self.family.ends}
        kept = [[t for t in row if t not in dropped] for row in tokens.tolist()]
        return [" ".join(text.split()) for text in self.tokenizer.batch_decode(kept, skip_special_tokens=True)]

    def _pixels(self, images: np.ndarray) -> Tensor:
        pixels = side_by_side(partial(self.family.pixels, self.image_processor), images)
        return pixels.to(self.device, next(self.model.parameters()).dtype)
