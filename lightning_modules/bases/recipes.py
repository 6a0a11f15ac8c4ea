"""How a base is made: plain values, with a digest; the recipes of the shipped ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from records.canonical import digest
from records.identity import by_name


@dataclass(frozen=True)
class Recipe:
    """One base from scratch.

    Attributes:
        name: of the base, and of its folder.
        build: `package.module:function` that makes the untrained module.
        options: arguments of `build`.
        data: `class_path` and `init_args` of the data set, `split`, the number of `items` at most, and `balance`:
            0 takes the items from the split's start as they come, 1 draws them until every attribute
            value is about equally frequent, between them rare values are favoured a little. `references`:
            pairs made of each item, with different captions; 1 where it is not given.
        fit: arguments of `FitSettings`; the learning rate falls to 0 along half a cosine.
        average: decay of the moving average of the weights that is kept; 0 = the last weights.
        seed: of weights, data order and noise.
        needs: names of bases that must lie beside this one; the last is the autoencoder that it draws with.
        known: what the data are, in place of the arguments that say where they lie; None = the arguments.
    """

    name: str
    build: str
    options: dict[str, Any]
    data: dict[str, Any]
    fit: dict[str, Any]
    average: float = 0.0
    seed: int = 0
    needs: tuple[str, ...] = field(default=())
    known: dict[str, Any] | None = None

    @property
    def digest(self) -> str:
        """Return the sha256 of the recipe as canonical JSON; builder and data set by their names, wherever they lie."""
        whole = {**asdict(self), "build": self.build.rpartition(".")[2], "data": by_name(self.data)}
        known = whole.pop("known")
        if known is not None:
            whole["data"]["init_args"] = known
        return digest(whole)

    def on(self, class_path: str, init_args: dict[str, Any], known: dict[str, Any] | None = None) -> Recipe:
        """Return the recipe on other data: another domain of its own class, or any data set.

        Args:
            class_path: Of the data set.
            init_args: Its arguments; of the recipe's own class, what is given.
            known: What those data are, if the data set says so itself.
        """
        if self.data.get("class_path") == class_path:
            return replace(self, data={**self.data, "init_args": {**self.data["init_args"], **init_args}})
        # Without an oracle there is nothing to balance by.
        data = {**self.data, "class_path": class_path, "init_args": init_args, "balance": 0.0}
        return replace(self, data=data, known=known)


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


def _captioner(name: str, steps: int, options: dict[str, Any], data: dict[str, Any] | None = None) -> Recipe:
    fit = {"steps": steps, "batch_size": 32, "learning_rate": 1.5e-3, "warmup": 200, "weight_decay": 0.01}
    return Recipe(name, _builder(name), {"width": 96, **options}, data or _scenes(), fit, average=0.998)


def _generator(name: str, steps: int, options: dict[str, Any], **fit: float) -> Recipe:
    usual = {"batch_size": 64, "learning_rate": 1.5e-3, "warmup": 200, "condition_drop": 0.1}
    whole = {"steps": steps, **usual, **fit}
    return Recipe(name, _builder(name), options, _scenes(), whole, average=0.999, needs=("vae", "decoder"))


def _dual(name: str, build: str, split: str, options: dict[str, Any]) -> Recipe:
    fit = {"steps": 900, "batch_size": 128, "learning_rate": 2e-3, "warmup": 50, "weight_decay": 0.01}
    return Recipe(name, _builder(build), options, _scenes(split, 8_000), fit, average=0.99)


_TEXT = {"text_width": 64, "text_layers": 2}


_SCENES = (
    Recipe(
        "vae",
        _builder("autoencoder"),
        {"channels": [16, 32, 32], "latents": 8, "divergence": 1e-4},
        _scenes(balance=1.0),
        {"steps": 3500, "batch_size": 32, "learning_rate": 2e-3, "warmup": 50},
        average=0.995,
    ),
    Recipe(
        "decoder",
        _builder("decoder"),
        {"noise": 0.05},
        _scenes(balance=1.0),
        {"steps": 6000, "batch_size": 32, "learning_rate": 1e-3, "warmup": 100},
        average=0.998,
        needs=("vae",),
    ),
    _dual("clip", "clip", "judge", {"width": 80, "layers": 3, "patch": 4, "projection": 64}),
    _captioner("blip2", 12000, {"vision_layers": 3, "query_layers": 1, "text_layers": 2}, _reworded(3)),
    _captioner("git", 4000, {"vision_layers": 2, "text_layers": 3}),
    _captioner("vit_gpt2", 4000, {"vision_layers": 3, "text_layers": 2}),
    _captioner("blip", 5000, {"vision_layers": 3, "text_layers": 2}, _reworded(3)),
    _captioner("llava", 4500, {"vision_layers": 3, "text_layers": 2}, _reworded(3)),
    _dual("scorer", "conv_dual", "scorer", {"channels": [32, 64, 96], "depths": [1, 2, 1], **_TEXT, "projection": 64}),
    _generator("sdxl_unet", 6000, {"channels": [48, 96], "text_width": 64, "text_layers": 3}),
    _generator("flow_unet", 6000, {"channels": [40, 64], "text_width": 80, "text_layers": 2, "shift": 3.0}),
    _generator("sd_unet", 6000, {"channels": [40, 64], **_TEXT}),
    # As an error of the latents, that of nearly clean ones is small and would hardly count: hence min-SNR. The floor is
    # for the noisiest, in which a place is decided: as errors of the noise they would count for next to nothing.
    _generator("sample_unet", 6000, {"channels": [40, 64], **_TEXT}, min_snr=5.0, snr_floor=1.0),
    _generator("eps_unet", 10000, {"channels": [48, 80], **_TEXT}, min_snr=5.0, snr_floor=1.0),
    # Ships without weights: four thousand steps leave a third of its shapes unread, and more cost hours on two cores.
    _generator("dit", 4000, {"width": 96, "layers": 4, **_TEXT}, learning_rate=1e-3),
)

SCENES: dict[str, Recipe] = {recipe.name: recipe for recipe in _SCENES}
