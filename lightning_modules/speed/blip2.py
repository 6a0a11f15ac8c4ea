"""BLIP-2: writing captions and training an adapter, by plain loops with transformers and peft, and by our module."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from peft import LoraConfig, get_peft_model

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.fitting.devices import device
from lightning_modules.settings import CaptionDecoding, Execution
from lightning_modules.speed import measure, models
from lightning_modules.speed.adapter_fit import RANK, our_fit, plain_fit, seconds_of_encoding
from lightning_modules.speed.measure import Budget, Row, Work
from lightning_modules.speed.models import Size

CAPTIONS, TRAINING = ("BLIP-2, captions", "captions/s"), ("BLIP-2, LoRA training", "samples/s")


def rows(name: str, budget: Budget) -> Iterator[Row]:
    """Measure everything about BLIP-2 of a size."""
    size, (model, tokenizer, processor) = models.SIZES[name], models.blip_2(name)
    module = CaptionerModule(model, tokenizer, processor)
    module.loaded_as = {torch.bfloat16: "bfloat16", torch.float32: "float32"}[size.dtype]
    pictures = models.images(size.pairs, size.side)
    write = partial(plain_captions, module, size, pictures)
    best = measure.sweep(write, size.captioned, budget)
    yield measure.row((CAPTIONS[0], "plain", CAPTIONS[1]), write, best, budget)
    with PlainTraining(module, size, pictures) as loop:
        best = measure.sweep(loop.fit, size.taught, budget)
        yield measure.row((TRAINING[0], "plain", TRAINING[1]), loop.fit, best, budget)
    write = partial(our_captions, module, size, pictures)
    best = measure.sweep(write, size.captioned, budget)
    yield measure.row((CAPTIONS[0], "ours", CAPTIONS[1]), write, best, budget)
    pairs = models.pairs(pictures, models.texts(len(pictures), size.words, 3))
    fit = partial(our_fit, module, pairs, size.training, seconds_of_encoding(module, pairs.take(np.arange(2)), pairs))
    best = measure.sweep(fit, size.taught, budget)
    yield measure.row((TRAINING[0], "ours", TRAINING[1]), fit, best, budget)


def _some(pictures: np.ndarray, n: int) -> np.ndarray:
    return pictures[np.arange(n) % len(pictures)]


def _pixels(module: CaptionerModule, size: Size, images: np.ndarray) -> torch.Tensor:
    found = module.image_processor(images=list(images), return_tensors="pt")["pixel_values"]
    return found.to(device(), size.dtype)


def _prompt(module: CaptionerModule, n: int) -> torch.Tensor:
    """Return what stands before a caption: placeholders of the queries, then the start token."""
    config = module.model.config
    ids = [config.image_token_index] * config.num_query_tokens + [config.text_config.bos_token_id]
    return torch.tensor(ids, device=device()).repeat(n, 1)


def plain_captions(module: CaptionerModule, size: Size, pictures: np.ndarray, batch: int) -> Work:
    """Write two batches of captions, the first one to warm up."""
    marks = [measure.now()]
    ids = _prompt(module, batch)
    module.model.to(device())
    for _ in range(2):
        pixels = _pixels(module, size, _some(pictures, batch))
        tokens = module.model.generate(pixel_values=pixels, input_ids=ids, do_sample=False, max_new_tokens=size.tokens)
        new = tokens[:, -size.tokens :]
        found = module.tokenizer.batch_decode(new, skip_special_tokens=True)
        marks.append(measure.now())
    return Work(len(found), marks[2] - marks[1], marks[1] - marks[0], new.shape[1])


def our_captions(module: CaptionerModule, size: Size, pictures: np.ndarray, batch: int) -> Work:
    """Write two batches of captions with our module, the first one to warm up."""
    module.execution, module.batch_size = Execution(compile=True), batch
    start, seeds = measure.now(), np.arange(2 * batch, dtype=np.uint64)
    lengths: list[int] = []
    write = module.family.write
    module.family.write = lambda *a, **k: _noted(write(*a, **k), lengths)  # type: ignore[method-assign]
    try:
        with measure.watched(module, "predict_step") as seconds:
            found = module.generate(_some(pictures, 2 * batch), CaptionDecoding(max_new_tokens=size.tokens), seeds)
    finally:
        del module.family.write
    whole = measure.now() - start
    return Work(len(found.outputs) - batch, seconds[1], whole - seconds[1], lengths[-1])


def _noted(tokens: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    lengths.append(tokens.shape[1])
    return tokens


class PlainTraining:
    """A loop over the whole model with peft: image encoder, queries and language model in every step.

    On leaving, the model is as it was.
    """

    def __init__(self, module: CaptionerModule, size: Size, pictures: np.ndarray) -> None:
        self.module, self.size, self.pictures = module, size, pictures
        self.captions = models.texts(len(pictures), size.words, 3)

    def __enter__(self) -> PlainTraining:
        """Put an adapter on the language model."""
        targets = r".*language_model.*\.(q_proj|v_proj)"
        config = LoraConfig(r=RANK, lora_alpha=RANK, target_modules=targets, lora_dropout=0.0)
        self.flags = {name: p.requires_grad for name, p in self.module.model.named_parameters()}
        self.model = get_peft_model(self.module.model.to(device()), config)
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        for parameter in self.trained:
            parameter.data = parameter.data.float()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it off again."""
        model = self.model.unload()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(self.flags[name])
        model.eval()

    def fit(self, batch: int) -> Work:
        """Train for a few steps."""
        self.model.train()
        return plain_fit(self.trained, self.loss, len(self.pictures), self.size.training, batch)

    def loss(self, chosen: list[int]) -> torch.Tensor:
        """Return the loss of some pairs."""
        where = device()
        labels = self.module.labels([self.captions[i] for i in chosen]).to(where)
        front = _prompt(self.module, len(chosen))
        with torch.autocast(where.type, torch.bfloat16, enabled=where.type == "cuda"):
            return self.model(
                pixel_values=_pixels(self.module, self.size, self.pictures[chosen]),
                input_ids=torch.cat([front, labels.clamp_min(0)], 1),
                attention_mask=torch.cat([torch.ones_like(front), (labels != -100).long()], 1),
                labels=torch.cat([torch.full_like(front, -100), labels], 1),
            ).loss
