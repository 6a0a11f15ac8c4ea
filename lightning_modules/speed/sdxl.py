"""SDXL: drawing images and training an adapter, by diffusers' own pipeline and a plain loop, and by our module."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler
from peft import LoraConfig
from torch.nn import functional as F

from datamodules.pairs import Pairs
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.fitting.devices import device
from lightning_modules.inputs.pixels import to_bytes, to_unit
from lightning_modules.settings import Execution, ImageDecoding
from lightning_modules.speed import measure, models
from lightning_modules.speed.adapter_fit import RANK, our_fit, plain_fit, seconds_of_encoding
from lightning_modules.speed.measure import Budget, Row, Work
from lightning_modules.speed.models import Size

GUIDANCE = 5.0
#: Seconds that compiling a full-size denoiser may take.
COMPILING = 120.0
#: Pairs that are encoded side by side, and images in the fit.
ENCODED = 8


def rows(name: str, steps: list[int], budget: Budget) -> Iterator[Row]:
    """Measure everything about SDXL of a size, in so many denoising steps each.

    The plain way comes first: our module lays its weights out in another way.
    """
    size, pipeline = models.SIZES[name], models.sdxl(name)
    names = {n: (f"SDXL, {n} steps", "images/s") for n in steps}
    training = ("SDXL, LoRA training", "samples/s")
    trial = measure.sweep(partial(plain_images, pipeline, size, size.trial), size.sampled, budget)
    for n, (task, unit) in names.items():
        work = partial(plain_images, pipeline, size, n)
        yield measure.row((task, "plain", unit), work, trial, budget, _seconds(trial, n, size))
    with PlainTraining(pipeline, size) as loop:
        best = measure.sweep(loop.fit, size.drawn, budget)
        yield measure.row((training[0], "plain", training[1]), loop.fit, best, budget)
    module = module_of(pipeline, size)
    # Compiling takes a minute or more a batch size, so the best one is looked for without.
    trial = measure.sweep(partial(our_images, module, size, size.trial, False), size.sampled, budget)
    warm = COMPILING if device().type == "cuda" else 0.0
    for n, (task, unit) in names.items():
        work = partial(our_images, module, size, n, True)
        yield measure.row((task, "ours", unit), work, trial, budget, warm + _seconds(trial, n, size))
        warm = 0.0
    encoding = seconds_of_encoding(module, *(_pairs(size, seed) for seed in (8, 9)))
    pairs = models.pairs(models.images(ENCODED, size.side), models.texts(ENCODED, size.words, 3))
    fit = partial(our_fit, module, pairs, size.training, encoding)
    best = measure.sweep(fit, size.drawn, budget)
    yield measure.row((training[0], "ours", training[1]), fit, best, budget)


def _pairs(size: Size, seed: int) -> Pairs:
    return models.pairs(models.images(ENCODED, size.side, seed), models.texts(ENCODED, size.words, seed))


def _seconds(trial: tuple[int, dict[int, float]], steps: int, size: Size) -> float:
    """Return about how long the best batch takes in so many steps, by the rate of the sweep."""
    best, rates = trial
    return best / rates[best] * steps / size.trial if best else 0.0


def plain_images(pipeline: Any, size: Size, steps: int, batch: int) -> Work:
    """Draw one batch with the pipeline as it stands."""
    options = {"guidance_scale": GUIDANCE, "height": size.side, "width": size.side, "output_type": "pt"}
    start = measure.now()
    pipeline(models.texts(batch, size.words, 1), num_inference_steps=1, **options)
    middle = measure.now()
    found = pipeline(models.texts(batch, size.words, 2), num_inference_steps=steps, **options).images
    made = to_bytes(found.float() * 2 - 1)
    return Work(len(made), measure.now() - middle, middle - start, int(pipeline.num_timesteps))


def module_of(pipeline: Any, size: Size) -> GeneratorModule:
    """Return our module around the pipeline's parts."""
    parts = {name: part for name, part in pipeline.components.items() if name not in ("image_encoder",)}
    settings = {"force_zeros_for_empty_prompt": bool(pipeline.config.force_zeros_for_empty_prompt)}
    module = GeneratorModule(type(pipeline).__name__, parts, settings, size=size.side)
    module.loaded_as = {torch.bfloat16: "bfloat16", torch.float32: "float32"}[size.dtype]
    return module


def our_images(module: GeneratorModule, size: Size, steps: int, compiled: bool, batch: int) -> Work:
    """Draw one batch with our module; what happens outside of drawing is moving weights and compiling."""
    module.execution, module.batch_size = Execution(compile=compiled), batch
    start = measure.now()
    seeds = np.arange(batch, dtype=np.uint64)
    module.generate(models.texts(batch, size.words, 1), ImageDecoding(1, GUIDANCE), seeds)
    with measure.watched(module, "predict_step") as seconds:
        made = module.generate(models.texts(batch, size.words, 2), ImageDecoding(steps, GUIDANCE), seeds)
    whole, drawing = measure.now() - start, sum(seconds)
    return Work(len(made.outputs), drawing, whole - drawing, made.network_evaluations // (2 * len(made.outputs)))


class PlainTraining:
    """A loop as diffusers' example of training an adapter for SDXL has it.

    The autoencoder computes in float32, the denoiser in bfloat16 with float32 factors; latents and texts are encoded in
    every step. On leaving, the pipeline is as it was.
    """

    def __init__(self, pipeline: Any, size: Size) -> None:
        self.pipeline, self.size, self.unet, self.vae = pipeline, size, pipeline.unet, pipeline.vae
        self.process = DDPMScheduler.from_config(pipeline.scheduler.config)
        self.images = models.images(ENCODED, size.side)
        self.captions = models.texts(ENCODED, size.words, 3)

    def __enter__(self) -> PlainTraining:
        """Put an adapter on the denoiser."""
        targets = ["to_q", "to_k", "to_v", "to_out.0"]
        for part in self.pipeline.components.values():
            if isinstance(part, torch.nn.Module):
                part.requires_grad_(False)
        self.unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=targets, init_lora_weights="gaussian"))
        self.trained = [p for p in self.unet.parameters() if p.requires_grad]
        for parameter in self.trained:
            parameter.data = parameter.data.float()
        self.vae.float()
        self.unet.train()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it off again."""
        self.unet.unload_lora()
        self.unet.eval()
        self.vae.to(self.size.dtype)

    def fit(self, batch: int) -> Work:
        """Train for a few steps."""
        return plain_fit(self.trained, self.loss, ENCODED, self.size.training, batch)

    def loss(self, chosen: list[int]) -> torch.Tensor:
        """Return the mean squared error of some pairs."""
        pixels, captions = to_unit(self.images[chosen]), [self.captions[i] for i in chosen]
        where, n, side = device(), len(pixels), float(self.size.side)
        with torch.no_grad():
            latents = self.vae.encode(pixels.to(where)).latent_dist.sample() * self.vae.config.scaling_factor
            states, pooled = self.texts(captions)
        noise = torch.randn_like(latents)
        times = torch.randint(0, self.process.config.num_train_timesteps, (n,), device=where)
        noisy = self.process.add_noise(latents, noise, times).to(self.size.dtype)
        sizes = torch.tensor([side, side, 0, 0, side, side], device=where, dtype=self.size.dtype).expand(n, 6)
        added = {"text_embeds": pooled, "time_ids": sizes}
        with torch.autocast(where.type, torch.bfloat16, enabled=where.type == "cuda"):
            found = self.unet(noisy, times, encoder_hidden_states=states, added_cond_kwargs=added, return_dict=False)[0]
        return F.mse_loss(found.float(), noise.float())

    def texts(self, captions: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return states and pooled text of one batch."""
        states, pipeline = [], self.pipeline
        pairs = ((pipeline.tokenizer, pipeline.text_encoder), (pipeline.tokenizer_2, pipeline.text_encoder_2))
        for tokenizer, encoder in pairs:
            length = tokenizer.model_max_length
            ids = tokenizer(captions, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
            output = encoder(ids.input_ids.to(device()), output_hidden_states=True)
            states.append(output.hidden_states[-2])
        return torch.cat(states, -1), output[0]
