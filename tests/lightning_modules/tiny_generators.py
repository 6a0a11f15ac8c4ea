"""How the real pipelines of the tiny generators are called."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline, FluxPipeline

from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.seeds import gaussian, streams_of
from lightning_modules.tiny.generators import SIZE, make
from lightning_modules.tiny.tokenizers import LENGTH
from lightning_modules.tiny.tokenizers import PROMPTS as CAPTIONS

__all__ = ["CAPTIONS", "FAMILIES", "SIZE", "difference", "draw", "folders_of", "load", "make", "noise_of", "opened"]


@dataclass(frozen=True)
class Tiny:
    """What a family's real pipeline has to be told when it is called.

    `size` is given to ours on loading where the checkpoint is made for another one. `guidance` names the argument of
    the pipeline that our guidance stands for; `empty` is what it takes for our empty negative prompt.
    """

    options: dict[str, Any] = field(default_factory=dict)
    size: int | None = None
    guidance: str = "guidance_scale"
    empty: str | None = None


RAW = {"use_resolution_binning": False, "clean_caption": False, "max_sequence_length": LENGTH}
SHORT = {"max_sequence_length": LENGTH}
FAMILIES = {
    "sdxl": Tiny(),
    "sd15": Tiny(),
    "sd21": Tiny(),
    "pixart_alpha": Tiny(RAW, empty=""),
    "pixart_alpha_1024": Tiny(RAW, size=SIZE, empty=""),
    "pixart_sigma": Tiny(RAW, empty=""),
    "sd3": Tiny(SHORT),
    "sd3_without_t5": Tiny(),
    "flux_dev": Tiny(SHORT, size=SIZE),
    "flux_schnell": Tiny(SHORT, size=SIZE, guidance="true_cfg_scale", empty=""),
}


def draw(
    name: str, pipeline: Any, prompts: list[str], latents: torch.Tensor, steps: int, guidance: float, negative: str = ""
) -> np.ndarray:
    """Draw images (n, SIZE, SIZE, 3) uint8 with the real pipeline from latents (n, c, h, w)."""
    family = FAMILIES[name]
    negative = negative or family.empty
    options = dict(family.options) | {family.guidance: guidance}
    if negative is not None:
        options["negative_prompt"] = [negative] * len(prompts) if "pixart" not in name else negative
    if isinstance(pipeline, FluxPipeline):
        n, channels, height, width = latents.shape
        latents = pipeline._pack_latents(latents, n, channels, height, width)
    images = pipeline(
        prompts, num_inference_steps=steps, latents=latents, height=SIZE, width=SIZE, output_type="np", **options
    ).images
    return np.round(images * 255).astype(np.uint8)


def folders_of(tmp_path_factory: Any) -> Callable[[str], Path]:
    """Return a function that gives the folder a family's real pipeline wrote, written once."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            make(name).save_pretrained(made[name])
        return made[name]

    return folder


def load(folder: Path, name: str) -> GeneratorModule:
    return GeneratorModule.load(folder, size=FAMILIES[name].size)


def opened(folder: Path) -> Any:
    """Open a folder with the real pipeline, which wants to be told of parts that a checkpoint leaves out."""
    index = json.loads((folder / "model_index.json").read_text())
    absent = {name: None for name, value in index.items() if isinstance(value, list) and value[0] is None}
    pipe = DiffusionPipeline.from_pretrained(folder, local_files_only=True, **absent)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def difference(a: np.ndarray, b: np.ndarray) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def noise_of(module: GeneratorModule, seeds: np.ndarray) -> torch.Tensor:
    """Return the noise that the module starts from."""
    return gaussian(streams_of(seeds), module.family.latent_shape(module.size))
