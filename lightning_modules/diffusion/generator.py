"""Text-to-image generators: the parts of a diffusers pipeline as one Lightning module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from lightning_modules import memory
from lightning_modules.diffusion import compiled, pipeline_files, process, samplers
from lightning_modules.diffusion.autoencoding import decoded
from lightning_modules.diffusion.encoders import Encoders
from lightning_modules.diffusion.guidance import Steering, guided, summands
from lightning_modules.families.text_to_image import Tensors, family_of
from lightning_modules.fitting import adapter_files, runner
from lightning_modules.fitting.contracts import Generated, Progress
from lightning_modules.fitting.devices import device
from lightning_modules.fitting.looking import in_halves
from lightning_modules.fitting.objectives import loss_weights
from lightning_modules.fitting.pairs import PairModule
from lightning_modules.fitting.precision import as_loaded, halved, own_precision
from lightning_modules.inputs import latents as latent_space
from lightning_modules.inputs.pixels import distinct
from lightning_modules.seeds import gaussian, streams_of
from lightning_modules.settings import FitSettings, ImageDecoding
from lightning_modules.weights import loading, shared, sources
from lightning_modules.weights.adapter_contents import DIFFUSERS, PEFT, Layout

if TYPE_CHECKING:
    from datamodules.pairs import Pairs


class GeneratorModule(PairModule):
    """A text-to-image latent diffusion model.

    Text encoders and autoencoder are frozen; the denoiser is trained.

    Attributes:
        pipeline: name of the diffusers pipeline class that the parts belong to.
        parts: every part by name, as in `model_index.json`; None for absent ones.
        batch_size: images drawn and latents encoded side by side; no result depends on it beyond rounding.
        size: side of the images drawn, in pixels; None = what the denoiser was made for.
        vae_dtype: what the autoencoder is held and computes in, where that is not what the others are.
        encoders: what the frozen text encoders and autoencoder make of texts and images.
        rows: images that a compiled denoiser is called with, the last ones repeated; 0 = as many as there are.
    """

    modality: ClassVar[str] = "generator"
    name: ClassVar[str] = "generator"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, str, tuple[str, ...]]] = ("model_index.json", "_class_name", ())

    def __init__(
        self, pipeline: str, parts: Mapping[str, Any], settings: Mapping[str, Any] | None = None,
        batch_size: int = 64, size: int | None = None, vae_dtype: str | None = None,
    ) -> None:  # fmt: skip
        """Put the parts of a pipeline together; without a family file, or of an impossible size, a ValueError."""
        super().__init__()
        self.pipeline, self.settings, self.batch_size = pipeline, dict(settings or {}), batch_size
        self.networks = nn.ModuleDict({k: v for k, v in parts.items() if isinstance(v, nn.Module)})
        self.parts = dict(parts)
        self.family = family_of(pipeline)(self.parts, self.settings)
        self.family.latent_shape(size)
        self.family.tokens([""])  # refuses tokenizers that cannot be used before anything is drawn
        self.size, self.vae_dtype, self.encoders = size, vae_dtype, Encoders(self.family)
        self._nothing: Tensors = {}
        latent_space.settle(self.parts["vae"])
        for name, network in self.networks.items():
            network.requires_grad_(name == self.family.denoiser)
            network.to(memory_format=torch.channels_last)  # several-fold faster for some convolutions
        self._work: dict[str, Any] = {}
        self.rows = 0
        self.eval()

    @classmethod
    def load(cls, folder: Path, dtype: str = "float32", size: int | None = None, vae_dtype: str | None = None) -> Self:
        """Read a folder in diffusers' layout, or an adapter with its base, without a network.

        Args:
            folder: with `model_index.json` and a folder of safetensors per network; its float16 variants are read
                where there are no others. Or what `save` wrote.
            dtype: of the frozen weights, "float32" or "bfloat16"; a folder that `save` wrote knows its own.
            size: side of the images drawn, in pixels; None = as saved, or what the denoiser was made for.
            vae_dtype: of the autoencoder; None = as saved, or `dtype`.

        Raises:
            FileNotFoundError: `folder` holds no `model_index.json`.
            ValueError: no family file for this pipeline, images cannot have this size, or the base of an adapter is
                not there.
        """
        if sources.is_adapter(folder):
            return adapter_files.load(cls, folder)
        given = {"size": size, "vae_dtype": vae_dtype}
        return shared.base(cls, folder, dtype, given, lambda: cls._read(folder, dtype, size, vae_dtype))

    @classmethod
    def _read(cls, folder: Path, dtype: str, size: int | None, vae_dtype: str | None) -> Self:
        """Read whole weights."""
        found = pipeline_files.read(Path(folder), dtype, vae_dtype)
        module = cls(found.pipeline, found.parts, found.settings, size=size or found.size, vae_dtype=found.vae_dtype)
        exact = found.parts["vae"] if found.vae_dtype else None
        return loading.loaded(module, folder, dtype, exact, size=size, vae_dtype=vae_dtype)

    def save(self, folder: Path) -> None:
        """Write the folder that `load` and the diffusers pipeline read; of an adapted model the adapter alone."""
        if self.lora is not None:
            adapter_files.save(self, folder)
            return
        found = pipeline_files.Pipeline(self.pipeline, self.parts, self.settings, self.size, self.vae_dtype)
        pipeline_files.write(found, Path(folder))
        loading.mark(self, folder)

    def trained_part(self) -> nn.Module:
        """Return the denoiser."""
        return self.networks[self.family.denoiser]

    @property
    def adapter_layout(self) -> Layout:
        """Return diffusers' own where the pipeline has `load_lora_weights`, else peft's."""
        return DIFFUSERS[self.family.denoiser] if pipeline_files.takes_adapters(self.pipeline) else PEFT

    def network_shapes(self) -> list[torch.Size]:
        """Return the shapes of the denoiser's own weights: equal where two generators may steer one another."""
        return [p.shape for name, p in self.trained_part().named_parameters() if ".lora_" not in name]

    def train_text(self) -> None:
        """Train the text encoders along with the denoiser, as when starting from scratch."""
        self.encoders.train_text()
        for encoder in self.family.present:
            self.networks[encoder].requires_grad_(True)

    def check(self, settings: FitSettings) -> None:
        """Refuse min-SNR weights where the model is trained by flow matching, and flow settings where it is not."""
        for name, usual in (("flow_times", "logit_normal"), ("flow_error", "velocity")):
            if getattr(settings, name) != usual and not process.is_flow(self.parts["scheduler"]):
                kind = type(self.parts["scheduler"]).__name__
                raise ValueError(f"{name}: {getattr(settings, name)} has a meaning for flow matching alone, not {kind}")
        if settings.min_snr:
            process.min_snr(self.parts["scheduler"], torch.zeros(1, dtype=torch.int64), settings.min_snr)

    @as_loaded
    def encode(
        self, images: np.ndarray, captions: Sequence[str], weights: np.ndarray | None = None, spread: bool = False
    ) -> Tensors:
        """Return the rows of a fit: latents, their `spread` where asked for, and conditions (tokens of trained text).

        Equal images and equal captions are encoded once, and not again in a later call (see `encoders`).
        """
        self.eval().to(device())
        different, image_rows = distinct(images)
        texts, text_rows = np.unique(np.array(captions, dtype=object), return_inverse=True)
        said, trained = list(texts), self.encoders.text_is_trained
        known = self.family.tokens(said) if trained else self.encoders.conditions(said, torch.device("cpu"))
        self._nothing = self.family.tokens([""]) if trained else self.encoders.nothing()
        starts = range(0, len(different), self.batch_size)
        parts = [self.encoders.seen(different[i : i + self.batch_size], spread) for i in starts]
        seen = {name: torch.cat([part[name] for part in parts])[image_rows] for name in parts[0]}
        rows = {name: value.cpu()[torch.from_numpy(text_rows)] for name, value in known.items()}
        return {**rows, **seen, "weights": loss_weights(len(images), weights)}

    def fit_rows(self, pairs: Pairs, settings: FitSettings) -> Tensors:
        """Return the rows of `encode`, the spread of latents to be sampled, and the sizes that pictures had before."""
        rows = self.encode(pairs.images, pairs.captions, pairs.weights, settings.latents == "sample")
        if pairs.heights is None or pairs.widths is None:
            return rows
        sizes = self.family.sizes(pairs.heights, pairs.widths, pairs.images.shape[1])
        return rows if sizes is None else {**rows, "sizes": sizes}

    def draw(self, batch: Tensors, settings: FitSettings) -> Tensors:
        """Return noisy latents at random times, the target, and which conditions are dropped."""
        latents = batch["latents"]
        if "spread" in batch:
            latents = latents + batch["spread"] * torch.randn(latents.shape).to(latents)
        noise = torch.randn(latents.shape).to(latents)
        uniform = settings.flow_times == "uniform"
        noisy, times, target = process.corrupt(self.parts["scheduler"], latents, noise, uniform)
        dropped = (torch.rand(len(latents)) < settings.condition_drop).to(latents.device)
        return {"noisy": noisy, "times": times, "target": target, "dropped": dropped}

    def losses(self, batch: Tensors, settings: FitSettings) -> tuple[Tensor, dict[str, Any]]:
        """Return the mean squared error of the denoiser (b,) over random times and noise, weighted if set.

        The context holds "times" (b,), "prediction" and "target" (b, c, h, w).
        """
        return self._weighed(batch if "noisy" in batch else {**batch, **self.draw(batch, settings)}, settings)

    @in_halves
    def _weighed(self, batch: Tensors, settings: FitSettings) -> tuple[Tensor, dict[str, Any]]:
        noisy, times, target, dropped = (batch[name] for name in ("noisy", "times", "target", "dropped"))
        nothing = self._nothing or self.encoders.nothing()  # of a model that looks at another one's fit
        text = {name: batch[name] for name in nothing}
        for name, empty in nothing.items():
            mask = dropped.view(-1, *[1] * (text[name].ndim - 1))
            text[name] = torch.where(mask, empty.to(text[name]), text[name])
        conditions = self.family.conditions(text) if self.encoders.text_is_trained else text
        conditions |= {name: batch[name] for name in ("sizes",) if name in batch}
        prediction = self.family.answer(noisy, times, conditions)
        losses = (prediction - target.float()).square().mean(dim=(1, 2, 3))
        if settings.min_snr:
            weights = process.min_snr(self.parts["scheduler"], times, settings.min_snr, settings.snr_floor)
            losses = losses * weights
        if settings.flow_error == "latents":  # what it says of them is off by the time's share of the velocity's error
            losses = losses * (times / self.parts["scheduler"].config.num_train_timesteps).square()
        return losses, {"times": times, "prediction": prediction, "target": target}

    def distance_from(self, context: dict[str, Any], other: dict[str, Any]) -> Tensor:
        """Return the mean squared difference of the predictions (b,).

        Up to a factor that the time decides, it is the Kullback-Leibler divergence of the Gaussian steps that two
        models take from the same noisy latents (2006.11239, eq. 8).
        """
        return (context["prediction"] - other["prediction"]).square().mean(dim=(1, 2, 3))

    def generate(
        self,
        inputs: Sequence[str],
        decoding: ImageDecoding,
        seeds: np.ndarray,
        progress: Progress | None = None,
        steering: Steering | None = None,
    ) -> Generated:
        """Draw one image (H, W, 3) uint8 per prompt.

        All random numbers of image i come from seeds[i] alone, of (n,) uint64. `progress` is called as progress(images
        done, images in all); `steering` holds changes to plain sampling.

        Raises:
            ValueError: not one seed per prompt, or a decoding that this model cannot follow.
        """
        if len(inputs) != len(seeds):
            raise ValueError(f"one seed per prompt: {len(inputs)} prompts, {len(seeds)} seeds")
        scheduler, timetable = self.check_decoding(decoding)
        shape = self.family.latent_shape(self.size)
        self._work = {
            "prompts": list(inputs),
            "seeds": seeds,
            "decoding": decoding,
            "steering": steering or Steering(),
            "evaluations": 0,
            "shape": shape,
            "timetable": timetable,
            "scheduler": scheduler,
        }
        with compiled.sampling([model for model, _ in summands(self, self._work["steering"])], len(inputs)):
            images = runner.predict(self, len(inputs), self.batch_size, progress)
        evaluations = self._work["evaluations"]
        self._work = {}
        height, width = (side * latent_space.factor(self.parts["vae"]) for side in shape[1:])
        return Generated(np.concatenate(images) if images else np.zeros((0, height, width, 3), np.uint8), evaluations)

    def check_decoding(self, decoding: ImageDecoding) -> tuple[Any, dict[str, Any]]:
        """Return the scheduler that a decoding asks for, and at what it is set; a ValueError if none can follow it."""
        if decoding.negative_prompt and self.family.guidance_is_input:
            raise ValueError(
                f"decoding: negative_prompt {decoding.negative_prompt!r} has no place in this model, which takes the "
                'guidance scale as an input and compares with no other prompt; leave it ""'
            )
        shape = self.family.latent_shape(self.size)
        tokens = shape[1] * shape[2] // self.family.patch**2
        timetable: dict[str, Any] = {"tokens": tokens, "sigmas": self.family.sigmas(decoding.steps)}
        return samplers.chosen(self.parts["scheduler"], decoding.scheduler, decoding.steps, **timetable), timetable

    def predict_step(self, batch: list[int], batch_idx: int) -> np.ndarray:
        """Draw the images of the prompts numbered in `batch`, side by side as far as there is memory."""
        conditions = self.encoders.conditions([self._work["prompts"][i] for i in batch])

        def drawn(part: slice) -> tuple[np.ndarray, int]:
            return self._drawn(batch[part], {name: value[part] for name, value in conditions.items()})

        parts = memory.in_parts("images", len(batch), len(batch), drawn)
        self._work["evaluations"] += sum(evaluations for _, evaluations in parts)
        return np.concatenate([images for images, _ in parts])

    def _drawn(self, batch: list[int], conditions: Tensors) -> tuple[np.ndarray, int]:
        """Return the images of prompts under their conditions, and the network evaluations that they took."""
        work, evaluations = self._work, 0
        decoding, steering = work["decoding"], work["steering"]
        streams = streams_of([work["seeds"][i] for i in batch])
        latents = gaussian(streams, work["shape"]).to(self.device)
        models = summands(self, steering)
        for model, _ in models:  # no row is filled up to what was found not to fit
            model.rows = memory.least("images", model.rows) if model.rows else 0
        negative = decoding.negative_prompt
        away = self.encoders.conditions([negative]) if negative else self.encoders.nothing()
        nothing = {name: value.expand(len(batch), *value.shape[1:]) for name, value in away.items()}
        single = self.family.guidance_is_input

        def predict(noisy: Tensor, time: Tensor, number: int) -> Tensor:
            nonlocal evaluations
            scale = steering.guidance(number, decoding.steps) if steering.guidance else decoding.guidance
            evaluations += len(batch) * len(models) * (1 if scale == 1 or single else 2)
            return sum(weight * guided(model, noisy, time, conditions, nothing, scale) for model, weight in models)

        with own_precision(self.family.network, self.rows > 0 and halved(self.family.network)):
            latents = process.sample(predict, work["scheduler"], latents, decoding.steps, streams, **work["timetable"])
        return decoded(self.networks["vae"], latents, own=self.rows > 0), evaluations
