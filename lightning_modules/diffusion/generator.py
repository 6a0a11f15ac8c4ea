"""Text-to-image generators: the parts of a diffusers pipeline as one Lightning module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from lightning_modules.diffusion import compiled, pipeline_files, process, samplers
from lightning_modules.diffusion.cache import ContentCache
from lightning_modules.families.text_to_image import Tensors, cast, dtype_of, family_of
from lightning_modules.fitting import adapter_files, runner
from lightning_modules.fitting.module import FitModule, as_loaded
from lightning_modules.fitting.runner import FitReport, Generated, Objective, Progress
from lightning_modules.inputs import latents as latent_space
from lightning_modules.inputs.pixels import distinct, to_bytes, to_unit
from lightning_modules.seeds import gaussian, generators
from lightning_modules.settings import FitSettings, ImageDecoding
from lightning_modules.weights import loading, sources

if TYPE_CHECKING:
    from datamodules.pairs import Pairs


@dataclass(frozen=True)
class Steering:
    """Changes to plain guided sampling.

    Attributes:
        guidance: guidance scale of (step number, steps), in place of the decoding's constant.
        auxiliary: a second generator of the same architecture, whose prediction is pushed away from:
            (1 + weight) own - weight auxiliary (2408.16333); it takes as many evaluations again.
        weight: of the auxiliary.
    """

    guidance: Callable[[int, int], float] | None = None
    auxiliary: GeneratorModule | None = None
    weight: float = 0.0


class GeneratorModule(FitModule):
    """A text-to-image latent diffusion model.

    Text encoders and autoencoder are frozen; the denoiser is trained.

    Attributes:
        pipeline: name of the diffusers pipeline class that the parts belong to.
        parts: every part by name, as in `model_index.json`; None for absent ones.
        batch_size: images drawn and latents encoded side by side; no result depends on it beyond rounding.
        size: side of the images drawn, in pixels; None = what the denoiser was made for.
        cache: what the frozen text encoders and autoencoder made of texts and images so far.
        rows: images that a compiled denoiser is called with, the last ones repeated; 0 = as many as there are.
    """

    modality: ClassVar[str] = "generator"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, str, tuple[str, ...]]] = ("model_index.json", "_class_name", ())

    def __init__(
        self,
        pipeline: str,
        parts: Mapping[str, Any],
        settings: Mapping[str, Any] | None = None,
        batch_size: int = 64,
        size: int | None = None,
    ) -> None:
        """Put the parts of a pipeline together.

        Raises:
            ValueError: no family file for this pipeline, or images cannot have this size.
        """
        super().__init__()
        self.pipeline, self.settings, self.batch_size = pipeline, dict(settings or {}), batch_size
        self.networks = nn.ModuleDict({k: v for k, v in parts.items() if isinstance(v, nn.Module)})
        self.parts = dict(parts)
        self.family = family_of(pipeline)(self.parts, self.settings)
        self.family.latent_shape(size)
        self.size, self.cache = size, ContentCache()
        self._nothing: Tensors = {}
        latent_space.settle(self.parts["vae"])
        self.text_is_trained = False
        for name, network in self.networks.items():
            network.requires_grad_(name == self.family.denoiser)
            network.to(memory_format=torch.channels_last)  # several-fold faster for some convolutions
        self._work: dict[str, Any] = {}
        self.rows = 0
        self.eval()

    @classmethod
    def load(cls, folder: Path, dtype: str = "float32", size: int | None = None) -> Self:
        """Read a folder in diffusers' layout, or an adapter with its base, without a network.

        Args:
            folder: with `model_index.json` and a folder of safetensors per network; its float16 variants are read
                where there are no others. Or what `save` wrote.
            dtype: of the frozen weights, "float32" or "bfloat16"; a folder that `save` wrote knows its own.
            size: side of the images drawn, in pixels; None = as saved, or what the denoiser was made for.

        Raises:
            FileNotFoundError: `folder` holds no `model_index.json`.
            ValueError: no family file for this pipeline, images cannot have this size, or the base of an adapter is
                not there.
        """
        if sources.is_adapter(folder):
            return adapter_files.load(cls, folder)
        found = pipeline_files.read(Path(folder), dtype)
        module = cls(found.pipeline, found.parts, found.settings, size=size or found.size)
        return loading.loaded(module, folder, dtype)

    def save(self, folder: Path) -> None:
        """Write the folder that `load` and the diffusers pipeline read; of an adapted model the adapter alone."""
        if self.lora is not None:
            adapter_files.save(self, folder)
            return
        found = pipeline_files.Pipeline(self.pipeline, self.parts, self.settings, self.size)
        pipeline_files.write(found, Path(folder))
        loading.mark(self, folder)

    def trained_part(self) -> nn.Module:
        """Return the denoiser."""
        return self.networks[self.family.denoiser]

    def network_shapes(self) -> list[torch.Size]:
        """Return the shapes of the denoiser's own weights: equal where two generators may steer one another."""
        return [p.shape for name, p in self.trained_part().named_parameters() if ".lora_" not in name]

    def train_text(self) -> None:
        """Train the text encoders along with the denoiser, as when starting from scratch."""
        self.text_is_trained = True
        self.cache.clear()
        for encoder in self.family.present:
            self.networks[encoder].requires_grad_(True)

    # --- fitting

    def fit_pairs(
        self,
        pairs: Pairs,
        settings: FitSettings,
        seed: int,
        objective: Objective | None = None,
        progress: Progress | None = None,
    ) -> FitReport:
        """Train the denoiser on pairs.

        Args:
            pairs: images, the captions that condition them, and weights.
            settings: how to train.
            seed: of data order, noise, times and dropped conditions.
            objective: turns losses (b,) and a context into one number; the context holds "weights",
                "rows", "step", "module", "batch", "times", "prediction" and "target".
            progress: called as progress(steps done, steps in all).

        Raises:
            NonFiniteLoss: at the first step whose loss is NaN or infinite.
            ValueError: there are no pairs, or min-SNR weights are asked for in flow matching.
        """
        if settings.min_snr:
            process.min_snr(self.parts["scheduler"], torch.zeros(1, dtype=torch.int64), settings.min_snr)
        return runner.fit(
            self, self.encode(pairs.images, pairs.captions, pairs.weights), settings, seed, objective, progress
        )

    @as_loaded
    def encode(self, images: np.ndarray, captions: Sequence[str], weights: np.ndarray | None = None) -> Tensors:
        """Return the rows of a fit: latents, and conditions (tokens where the text is trained).

        Equal images and equal captions are encoded once, and not again in a later call (see `cache`).

        Args:
            images: (n, H, W, 3) uint8.
            captions: n texts.
            weights: (n,) loss weights; None = all one.
        """
        self.eval().to(runner.device())
        different, image_rows = distinct(images)
        texts, text_rows = np.unique(np.array(captions, dtype=object), return_inverse=True)
        known = self.family.tokens(list(texts)) if self.text_is_trained else self._conditions(list(texts))
        self._nothing = self.family.tokens([""]) if self.text_is_trained else self._empty()
        size = self.batch_size
        latents = torch.cat([self._latents(different[i : i + size]) for i in range(0, len(different), size)])
        rows = {name: value.cpu()[torch.from_numpy(text_rows)] for name, value in known.items()}
        return {**rows, "latents": latents[image_rows], "weights": runner.loss_weights(len(images), weights)}

    def draw(self, batch: Tensors, settings: FitSettings) -> Tensors:
        """Return noisy latents at random times, the target, and which conditions are dropped."""
        latents = batch["latents"]
        noise = torch.randn(latents.shape).to(latents)
        noisy, times, target = process.corrupt(self.parts["scheduler"], latents, noise)
        dropped = (torch.rand(len(latents)) < settings.condition_drop).to(latents.device)
        return {"noisy": noisy, "times": times, "target": target, "dropped": dropped}

    def losses(self, batch: Tensors, settings: FitSettings) -> tuple[Tensor, dict[str, Any]]:
        """Return the mean squared error of the denoiser (b,) over random times and noise, weighted if set."""
        batch = batch if "noisy" in batch else {**batch, **self.draw(batch, settings)}
        noisy, times, target, dropped = (batch[name] for name in ("noisy", "times", "target", "dropped"))
        nothing = self._nothing or self._empty()  # of a model that looks at another one's fit
        text = {name: batch[name] for name in nothing}
        for name, empty in nothing.items():
            mask = dropped.view(-1, *[1] * (text[name].ndim - 1))
            text[name] = torch.where(mask, empty.to(text[name]), text[name])
        conditions = self.family.conditions(text) if self.text_is_trained else text
        prediction = self.family.answer(noisy, times, conditions)
        losses = (prediction - target.float()).square().mean(dim=(1, 2, 3))
        if settings.min_snr:
            losses = losses * process.min_snr(self.parts["scheduler"], times, settings.min_snr)
        return losses, {"times": times, "prediction": prediction, "target": target}

    def distance_from(self, context: dict[str, Any], other: dict[str, Any]) -> Tensor:
        """Return the mean squared difference of the predictions (b,).

        Up to a factor that the time decides, it is the Kullback-Leibler divergence of the Gaussian steps that two
        models take from the same noisy latents (2006.11239, eq. 8).
        """
        return (context["prediction"] - other["prediction"]).square().mean(dim=(1, 2, 3))

    # --- sampling

    def generate(
        self,
        inputs: Sequence[str],
        decoding: ImageDecoding,
        seeds: np.ndarray,
        progress: Progress | None = None,
        steering: Steering | None = None,
    ) -> Generated:
        """Draw one image per prompt.

        Args:
            inputs: n prompts.
            decoding: steps, guidance, scheduler, negative prompt.
            seeds: (n,) uint64; every random number of image i comes from seeds[i] alone.
            progress: called as progress(images done, images in all).
            steering: changes to plain sampling.

        Returns:
            Generated: images (n, H, W, 3) uint8.

        Raises:
            ValueError: not one seed per prompt, or a decoding that this model cannot follow.
        """
        if len(inputs) != len(seeds):
            raise ValueError(f"one seed per prompt: {len(inputs)} prompts, {len(seeds)} seeds")
        if decoding.negative_prompt and self.family.guidance_is_input:
            raise ValueError(
                f"decoding: negative_prompt {decoding.negative_prompt!r} has no place in this model, which takes the "
                'guidance scale as an input and compares with no other prompt; leave it ""'
            )
        shape = self.family.latent_shape(self.size)
        tokens, sigmas = shape[1] * shape[2] // self.family.patch**2, self.family.sigmas(decoding.steps)
        self._work = {
            "prompts": list(inputs),
            "seeds": seeds,
            "decoding": decoding,
            "steering": steering or Steering(),
            "evaluations": 0,
            "shape": shape,
            "timetable": {"tokens": tokens, "sigmas": sigmas},
            "scheduler": samplers.chosen(
                self.parts["scheduler"], decoding.scheduler, decoding.steps, tokens=tokens, sigmas=sigmas
            ),
        }
        auxiliary = self._work["steering"].auxiliary
        with compiled.sampling([self, *([auxiliary] if auxiliary else [])], len(inputs)):
            images = runner.predict(self, runner.chunked(len(inputs), self.batch_size), progress)
        evaluations = self._work["evaluations"]
        self._work = {}
        height, width = (side * latent_space.factor(self.parts["vae"]) for side in shape[1:])
        return Generated(np.concatenate(images) if images else np.zeros((0, height, width, 3), np.uint8), evaluations)

    def predict_step(self, batch: list[int], batch_idx: int) -> np.ndarray:
        """Draw the images of the prompts numbered in `batch`."""
        work = self._work
        decoding, steering = work["decoding"], work["steering"]
        streams = generators([work["seeds"][i] for i in batch])
        latents = gaussian(streams, work["shape"]).to(self.device)
        conditions = self._conditions([work["prompts"][i] for i in batch])
        models = (
            [(self, 1.0 + steering.weight), (steering.auxiliary, -steering.weight)]
            if steering.auxiliary
            else [(self, 1.0)]
        )
        away = self._conditions([decoding.negative_prompt]) if decoding.negative_prompt else self._empty()
        nothing = {name: value.expand(len(batch), *value.shape[1:]) for name, value in away.items()}
        single = self.family.guidance_is_input

        def predict(noisy: Tensor, time: Tensor, number: int) -> Tensor:
            scale = steering.guidance(number, decoding.steps) if steering.guidance else decoding.guidance
            work["evaluations"] += len(batch) * len(models) * (1 if scale == 1 or single else 2)
            return sum(weight * model.guided(noisy, time, conditions, nothing, scale) for model, weight in models)

        with compiled.own_precision(self.family.network, self.rows > 0):
            latents = process.sample(predict, work["scheduler"], latents, decoding.steps, streams, **work["timetable"])
        vae = self.networks["vae"]
        return compiled.decode(vae, latents) if self.rows else to_bytes(latent_space.decode(vae, latents))

    def guided(self, latents: Tensor, time: Tensor, conditions: Tensors, nothing: Tensors, scale: float) -> Tensor:
        """Predict with classifier-free guidance (2207.12598): nothing + scale (conditions - nothing).

        A guidance-distilled model is told the scale instead, and evaluated once.

        Args:
            latents: (n, c, h, w) noisy latents.
            time: one time, as the scheduler gives it.
            conditions: of n prompts.
            nothing: of the empty prompt, n times.
            scale: 1 = one network evaluation per image, otherwise two.
        """
        asked = len(latents)
        latents, conditions, nothing = compiled.filled(self.rows, latents, conditions, nothing)
        n = len(latents)
        if self.family.guidance_is_input:
            told = torch.full((n,), float(scale), device=latents.device)
            return self.family.answer(latents, time.expand(n), {**conditions, "guidance": told})[:asked]
        if scale == 1:
            return self.family.answer(latents, time.expand(n), conditions)[:asked]
        both = {name: torch.cat([nothing[name], value]) for name, value in conditions.items()}
        without, with_text = self.family.answer(torch.cat([latents, latents]), time.expand(2 * n), both).chunk(2)
        return (without + scale * (with_text - without))[:asked]

    # --- what frozen networks make of texts and images

    def _conditions(self, texts: list[str]) -> Tensors:
        if not texts:
            return {name: value[:0] for name, value in self._empty().items()}
        parts = [self._text(texts[i : i + 256]) for i in range(0, len(texts), 256)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _text(self, texts: list[str]) -> Tensors:
        family = self.family
        return self._remembered(["text", *texts], lambda: family.conditions(family.tokens(texts)))

    def _empty(self) -> Tensors:
        return self._remembered(["nothing"], self.family.nothing)

    def _remembered(self, words: list[str], make: Callable[[], Tensors]) -> Tensors:
        def conditions() -> Tensors:
            return cast(make(), dtype_of(self.family.network))

        if self.text_is_trained:
            return conditions()
        encoders = [self.networks[name] for name in self.family.present]
        found = self.cache.get((word.encode() for word in words), encoders, conditions)
        return {name: value.to(self.device) for name, value in found.items()}

    def _latents(self, images: np.ndarray) -> Tensor:
        vae = self.networks["vae"]
        content = (repr(images.shape).encode(), np.ascontiguousarray(images).tobytes())
        found = self.cache.get(content, [vae], lambda: {"latents": latent_space.encode(vae, to_unit(images))})
        return found["latents"].cpu()  # what is remembered lies there too
