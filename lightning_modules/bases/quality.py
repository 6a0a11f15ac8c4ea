"""How good a base is on held-out data: the figures on the cards."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.scenes.oracle import Readings, match
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.autoencoder import AutoencoderModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.judges.clip import ClipJudge
from lightning_modules.judges.scorer import DualScorer
from lightning_modules.seeds import derive
from lightning_modules.settings import CaptionDecoding, ImageDecoding


def measure_quality(module: Any, data_set: Any, n: int = 512, seed: int = 0, decoding: Any = None) -> dict[str, float]:
    """Measure a captioner, a generator, an autoencoder or a dual encoder on the first n items of the evaluation split.

    Args:
        module: with `generate` and `modality`, with `reconstruct`, or with `embed_images` and `embed_texts`; another
            one is a TypeError.
        data_set: with `images`, `captions`, `attributes` and an `oracle`.
        n: items, from the start of the split.
        seed: of the noise.
        decoding: None = greedy captions, images at the default budget.

    Returns:
        dict: for models that make something, per attribute the share read correctly and, as
            "tail/<attribute>", the same over slots whose true value is in the rarest third, all in
            [0, 1]; for dual encoders "retrieval", the share of images whose own caption is the
            closest of 64.
    """
    index = np.arange(n)
    images = data_set.images("evaluation", index)
    captions = [c[0] for c in data_set.captions("evaluation", index)]
    truth = data_set.attributes("evaluation", index)
    if isinstance(module, ClipJudge):
        return {"retrieval": _retrieval(module, images, captions)}
    if isinstance(module, CaptionerModule):
        seeds = np.array([derive(seed, "caption", int(i)) for i in index], dtype=np.uint64)
        read = data_set.oracle.read_captions(module.generate(images, decoding or CaptionDecoding(), seeds).outputs)
    elif isinstance(module, GeneratorModule):
        seeds = np.array([derive(seed, "image", int(i)) for i in index], dtype=np.uint64)
        read = data_set.oracle.read_images(module.generate(captions, decoding or ImageDecoding(), seeds).outputs)
    elif hasattr(module, "reconstruct"):
        read = data_set.oracle.read_images(module.reconstruct(images))
    else:
        raise TypeError(f"cannot tell how good a {type(module).__name__} is")
    whole = {name: float(np.mean(values)) for name, values in match(truth, read).items()}
    return {name: round(value, 4) for name, value in {**whole, **_tails(data_set.oracle, truth, read)}.items()}


def _tails(oracle: Any, truth: list[dict[str, Any]], read: Readings) -> dict[str, float]:
    """Return the share of items with one rare value, all of whose slots were read as they are."""
    found = {}
    for name in oracle.attributes:
        rare = set(oracle.tail(name))
        rows = [i for i, item in enumerate(truth) if rare & set(item[name])]
        some = Readings({k: v[rows] for k, v in read.values.items()})
        found[f"tail/{name}"] = float(np.mean(match([truth[i] for i in rows], some)[name])) if rows else math.nan
    return found


def _retrieval(module: ClipJudge, images: np.ndarray, captions: list[str], choices: int = 64) -> float:
    both = (module.embed_images(images), module.embed_texts(captions))
    seen, read = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in both)
    hits = []
    for start in range(0, len(images) - choices + 1, choices):
        part = slice(start, start + choices)
        hits += (np.argmax(seen[part] @ read[part].T, 1) == np.arange(choices)).tolist()
    return round(float(np.mean(hits)), 4)


def base_class(folder: Path) -> Any:
    """Return the class that reads the base in `folder`."""
    if (folder / "model_index.json").exists():
        return GeneratorModule
    config = (folder / "config.json").read_text()
    dual = {"CLIPModel": ClipJudge, "VisionTextDualEncoderModel": DualScorer}
    kinds: dict[str, Any] = {"AutoencoderKL": AutoencoderModule, **dual}
    return next((kind for mark, kind in kinds.items() if f'"{mark}"' in config), CaptionerModule)
