"""How every shipped base is made: plain values, with a digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """One base from scratch.

    Attributes:
        name: of the base, and of its folder.
        build: `package.module:function` that makes the untrained module.
        options: arguments of `build`.
        data: `class_path` and `init_args` of the data set, `split`, the number of `items`, and `balance`:
            0 takes the items from the split's start as they come, 1 draws them until every attribute
            value is about equally frequent, between them rare values are favoured a little. `references`:
            pairs made of each item, with different captions; 1 where it is not given.
        fit: arguments of `FitSettings`; the learning rate falls to 0 along half a cosine.
        average: decay of the moving average of the weights that is kept; 0 = the last weights.
        seed: of weights, data order and noise.
        needs: names of bases that must lie beside this one.
    """

    name: str
    build: str
    options: dict[str, Any]
    data: dict[str, Any]
    fit: dict[str, Any]
    average: float = 0.0
    seed: int = 0
    needs: tuple[str, ...] = field(default=())

    @property
    def digest(self) -> str:
        """Return the sha256 of the recipe as canonical JSON."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _scenes(split: str = "train", items: int = 20_000, balance: float = 0.0) -> dict[str, Any]:
    return {
        "class_path": "datamodules.scenes.dataset.Scenes",
        "init_args": {"domain": "shapes", "seed": 0, "image_size": 32},
        "split": split,
        "items": items,
        "balance": balance,
    }


def _reworded(references: int) -> dict[str, Any]:
    """Return the data of a captioner: words depend on the image, so each image comes in several wordings."""
    return {**_scenes(), "references": references}


def _builder(name: str) -> str:
    return f"lightning_modules.architectures.{name}:build"


_SCENES = (
    Recipe(
        name="vae",
        build=_builder("autoencoder"),
        options={"channels": [16, 32, 32], "latents": 8, "divergence": 1e-4},
        data=_scenes(balance=1.0),
        fit={"steps": 3500, "batch_size": 32, "learning_rate": 2e-3, "warmup": 50},
        average=0.995,
    ),
    Recipe(
        name="decoder",
        build=_builder("decoder"),
        options={"noise": 0.05},
        needs=("vae",),
        data=_scenes(balance=1.0),
        fit={"steps": 6000, "batch_size": 32, "learning_rate": 1e-3, "warmup": 100},
        average=0.998,
    ),
    Recipe(
        name="clip",
        build=_builder("clip"),
        options={"width": 80, "layers": 3, "patch": 4, "projection": 64},
        data=_scenes("judge", 8_000),
        fit={"steps": 900, "batch_size": 128, "learning_rate": 2e-3, "warmup": 50, "weight_decay": 0.01},
        average=0.99,
    ),
    Recipe(
        name="blip2",
        build=_builder("blip2"),
        options={"width": 96, "vision_layers": 3, "query_layers": 1, "text_layers": 2},
        data=_reworded(3),
        average=0.998,
        fit={"steps": 12000, "batch_size": 32, "learning_rate": 1.5e-3, "warmup": 200, "weight_decay": 0.01},
    ),
    Recipe(
        name="git",
        build=_builder("git"),
        options={"width": 96, "vision_layers": 2, "text_layers": 3},
        data=_scenes(),
        average=0.998,
        fit={"steps": 4000, "batch_size": 32, "learning_rate": 1.5e-3, "warmup": 200, "weight_decay": 0.01},
    ),
    Recipe(
        name="vit_gpt2",
        build=_builder("vit_gpt2"),
        options={"width": 96, "vision_layers": 3, "text_layers": 2},
        data=_scenes(),
        average=0.998,
        fit={"steps": 4000, "batch_size": 32, "learning_rate": 1.5e-3, "warmup": 200, "weight_decay": 0.01},
    ),
    Recipe(
        name="blip",
        build=_builder("blip"),
        options={"width": 96, "vision_layers": 3, "text_layers": 2},
        data=_reworded(3),
        average=0.998,
        fit={"steps": 5000, "batch_size": 32, "learning_rate": 1.5e-3, "warmup": 200, "weight_decay": 0.01},
    ),
    Recipe(
        name="llava",
        build=_builder("llava"),
        options={"width": 96, "vision_layers": 3, "text_layers": 2},
        data=_reworded(3),
        average=0.998,
        fit={"steps": 4500, "batch_size": 32, "learning_rate": 1.5e-3, "warmup": 200, "weight_decay": 0.01},
    ),
    Recipe(
        name="scorer",
        build=_builder("conv_dual"),
        options={"channels": [32, 64, 96], "depths": [1, 2, 1], "text_width": 64, "text_layers": 2, "projection": 64},
        data=_scenes("scorer", 8_000),
        average=0.99,
        fit={"steps": 900, "batch_size": 128, "learning_rate": 2e-3, "warmup": 50, "weight_decay": 0.01},
    ),
    Recipe(
        name="sdxl_unet",
        build=_builder("sdxl_unet"),
        options={"channels": [48, 96], "text_width": 64, "text_layers": 3},
        data=_scenes(items=20_000),
        needs=("vae", "decoder"),
        average=0.999,
        fit={"steps": 6000, "batch_size": 64, "learning_rate": 1.5e-3, "warmup": 200, "condition_drop": 0.1},
    ),
    Recipe(
        name="flow_unet",
        build=_builder("flow_unet"),
        options={"channels": [40, 64], "text_width": 80, "text_layers": 2},
        data=_scenes(items=20_000),
        needs=("vae", "decoder"),
        average=0.999,
        fit={"steps": 4500, "batch_size": 64, "learning_rate": 1.5e-3, "warmup": 200, "condition_drop": 0.1},
    ),
    Recipe(
        name="sd_unet",
        build=_builder("sd_unet"),
        options={"channels": [40, 64], "text_width": 64, "text_layers": 2},
        data=_scenes(items=20_000),
        needs=("vae", "decoder"),
        average=0.999,
        fit={"steps": 6000, "batch_size": 64, "learning_rate": 1.5e-3, "warmup": 200, "condition_drop": 0.1},
    ),
    Recipe(
        name="sample_unet",
        build=_builder("sample_unet"),
        options={"channels": [40, 64], "text_width": 64, "text_layers": 2},
        data=_scenes(items=20_000),
        needs=("vae", "decoder"),
        average=0.999,
        # As an error of the latents, that of nearly clean ones is small and would hardly count: hence min-SNR.
        fit={
            "steps": 6000,
            "batch_size": 64,
            "learning_rate": 1.5e-3,
            "warmup": 200,
            "condition_drop": 0.1,
            "min_snr": 5.0,
        },
    ),
    Recipe(
        name="eps_unet",
        build=_builder("eps_unet"),
        options={"channels": [48, 80], "text_width": 64, "text_layers": 2},
        data=_scenes(items=20_000),
        needs=("vae", "decoder"),
        average=0.999,
        fit={"steps": 6000, "batch_size": 64, "learning_rate": 1.5e-3, "warmup": 200, "condition_drop": 0.1},
    ),
    # Ships without weights: four thousand steps leave a third of its shapes unread, and more cost hours on two cores.
    Recipe(
        name="dit",
        build=_builder("dit"),
        options={"width": 96, "layers": 4, "text_width": 64, "text_layers": 2},
        data=_scenes(items=20_000),
        needs=("vae", "decoder"),
        average=0.999,
        fit={"steps": 4000, "batch_size": 64, "learning_rate": 1e-3, "warmup": 200, "condition_drop": 0.1},
    ),
)

SCENES: dict[str, Recipe] = {recipe.name: recipe for recipe in _SCENES}
