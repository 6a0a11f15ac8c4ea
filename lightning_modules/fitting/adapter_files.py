"""An adapter's folder: its weights as peft reads them, and the name of a base that is never copied."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

from lightning_modules.fitting import adapters
from lightning_modules.fitting.module import FitModule
from lightning_modules.settings import Lora
from lightning_modules.weights import cards
from lightning_modules.weights.quiet import quiet
from lightning_modules.weights.sources import ADAPTER_BASE, MissingModel, Origin, portable

WEIGHTS, CONFIG, BASE = "adapter_model.safetensors", "adapter_config.json", ADAPTER_BASE
#: peft's name of what it wraps: with it `PeftModel.from_pretrained(base, folder)` finds every layer.
PREFIX = "base_model.model."


def save(module: FitModule, folder: Path) -> None:
    """Write adapter_model.safetensors and adapter_config.json as peft reads them, and base.json.

    A base that was not loaded from anywhere is a ValueError: nothing could load it again.
    """
    origin = module.origin
    if origin is None:
        raise ValueError("an adapter is saved beside its base: load the base from a folder before it is fitted")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    part = module.trained_part()
    state = {PREFIX + k: v.detach().cpu().contiguous() for k, v in get_peft_model_state_dict(part).items()}
    config = part.peft_config[adapters.NAME].to_dict()
    config |= {"base_model_name_or_path": origin.hub or origin.folder, "inference_mode": True}
    (folder / CONFIG).write_text(_text(config) + "\n")
    # diffusers looks for the configuration beside the weights, in the same file. One entry: several would be written
    # in an order that differs from run to run.
    beside = {"lora_adapter_metadata": _text({PREFIX + k: v for k, v in config.items()})}
    save_file(state, folder / WEIGHTS, metadata=beside)
    source = origin.locate()
    # A store that is moved as a whole keeps adapter and base as far apart as they were.
    near = None if origin.hub else os.path.relpath(source.resolve(), folder.resolve())
    base = {**asdict(origin), "digest": _card_digest(source), "near": near}
    (folder / BASE).write_text(json.dumps(base, indent=2, sort_keys=True) + "\n")


def _text(config: dict[str, Any]) -> str:
    """Return JSON with sets in their order, so that equal adapters are equal bytes."""
    return json.dumps(config, indent=2, sort_keys=True, default=lambda v: sorted(v) if isinstance(v, set) else str(v))


def load(cls: Any, folder: Path) -> Any:
    """Return the base that an adapter belongs to, as `cls`, with the adapter on it.

    `MissingModel` where the base is not on this machine, or its weights are others than the adapter was trained on.
    """
    folder = Path(folder)
    base = json.loads((folder / BASE).read_text())
    digest, near, origin = base.pop("digest"), base.pop("near", None), Origin(**base)
    try:
        source = origin.locate()
    except MissingModel as error:
        if near is None or not (folder / near).is_dir():
            raise MissingModel(f"the adapter in {str(folder)!r} cannot be used without its base: {error}") from error
        source = (folder / near).resolve()
        origin = replace(origin, folder=portable(source))
    if digest is not None and (found := cards.digest(source)) != digest:
        raise MissingModel(
            f"the adapter in {str(folder)!r} was trained on a base with digest {digest[:12]}; "
            f"{str(source)!r} has {found[:12]} now"
        )
    module = cls.load(source, dtype=origin.dtype, **origin.init_args)
    config = json.loads((folder / CONFIG).read_text())
    adapters.attach(module, Lora(config["r"], float(config["lora_alpha"]), tuple(sorted(config["target_modules"]))), 0)
    state = {k.removeprefix(PREFIX): v for k, v in load_file(folder / WEIGHTS).items()}
    with quiet():
        set_peft_model_state_dict(module.trained_part(), state, adapters.NAME)
    module.origin = origin
    return module


def _card_digest(folder: Path) -> str | None:
    return cards.read(folder)["digest"] if (folder / "card.json").is_file() else None
