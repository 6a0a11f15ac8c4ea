"""The folder of a diffusers pipeline: `model_index.json`, and a folder for each of its parts."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from torch import nn

from lightning_modules.families.text_to_image import family_of
from lightning_modules.weights import complete, loading
from lightning_modules.weights.contents import UNUSED
from lightning_modules.weights.quiet import quiet
from lightning_modules.weights.sources import MissingModel


@dataclass(frozen=True)
class Pipeline:
    """A pipeline in pieces.

    Attributes:
        pipeline: name of its diffusers class.
        parts: every part by name; None for absent ones.
        settings: the other values of `model_index.json`.
        size: side of its images in pixels, where one is saved.
        vae_dtype: what the autoencoder is held in, where that is not what the others are.
    """

    pipeline: str
    parts: Mapping[str, Any]
    settings: Mapping[str, Any]
    size: int | None = None
    vae_dtype: str | None = None


def read(folder: Path, dtype: str, vae_dtype: str | None = None) -> Pipeline:
    """Read every part that is used, without a network; `GeneratorModule.load` says with which errors."""
    index = json.loads((folder / "model_index.json").read_text())
    family_of(index["_class_name"])  # before anything large is read
    held = loading.stored(folder, dtype)
    vae_dtype = vae_dtype or index.get("_vae_dtype")
    formats = {"vae": held if vae_dtype is None else loading.stored(folder, vae_dtype)}
    parts, settings = {}, {}
    for name, value in index.items():
        if isinstance(value, list):
            parts[name] = None if name in UNUSED else _read_part(folder / name, formats.get(name, held), *value)
        elif not name.startswith("_"):
            settings[name] = value
    _check_tokenizers(folder, parts)
    return Pipeline(index["_class_name"], parts, settings, index.get("_image_size"), vae_dtype)


def write(pipeline: Pipeline, folder: Path) -> None:
    """Write the folder that `read` and the diffusers pipeline read."""
    folder.mkdir(parents=True, exist_ok=True)
    index: dict[str, Any] = {
        "_class_name": pipeline.pipeline,
        "_diffusers_version": diffusers.__version__,
        **pipeline.settings,
    }
    if pipeline.size is not None:
        index["_image_size"] = pipeline.size  # diffusers passes over names like this
    if pipeline.vae_dtype is not None:
        index["_vae_dtype"] = pipeline.vae_dtype
    for name, part in pipeline.parts.items():
        index[name] = [None, None] if part is None else [type(part).__module__.split(".")[0], type(part).__name__]
        if part is not None:
            with quiet():
                part.save_pretrained(folder / name)
    (folder / "model_index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")


def takes_adapters(pipeline: str) -> bool:
    """Return whether a pipeline of diffusers reads adapters by itself."""
    return hasattr(getattr(diffusers, pipeline, None), "load_lora_weights")


def _read_part(folder: Path, dtype: torch.dtype, library: str | None, name: str | None) -> Any:
    """Return one part of a pipeline, networks as `dtype`; None for a part that the pipeline leaves out."""
    if library is None or name is None:
        return None
    kind = getattr(importlib.import_module(library), name)
    if issubclass(kind, nn.Module):
        return loading.read_network(kind, folder, dtype, heads=library == "transformers")
    return loading.read_part(kind, folder)


def _check_tokenizers(folder: Path, parts: Mapping[str, Any]) -> None:
    """Refuse a text encoder whose tokenizer is not there, or is not its own."""
    for name, part in parts.items():
        if name.startswith("text_encoder") and part is not None:
            tokenizer = name.replace("text_encoder", "tokenizer")
            if parts.get(tokenizer) is None:
                raise MissingModel(f"{folder / 'model_index.json'}: names {name!r} and no {tokenizer!r}; allowed: both")
            complete.check_tokenizer(parts[tokenizer], part.config.vocab_size, folder / tokenizer)
