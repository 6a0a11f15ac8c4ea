"""An adapter's folder: its weights as peft or diffusers read them, and the name of a base that is never copied."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

from lightning_modules.fitting import adapters
from lightning_modules.fitting.module import FitModule
from lightning_modules.settings import Lora
from lightning_modules.weights import adapter_contents, cards
from lightning_modules.weights.adapter_contents import CONFIG
from lightning_modules.weights.files import Broken
from lightning_modules.weights.quiet import quiet
from lightning_modules.weights.sources import ADAPTER_BASE, MissingModel

BASE = ADAPTER_BASE


def save(module: FitModule, folder: Path) -> None:
    """Write weights and configuration as the library reads them that the base is of, and base.json.

    A captioner's can be given to `PeftModel.from_pretrained(base, folder)`, those of most pipelines to
    `pipe.load_lora_weights(folder)` (`FitModule.adapter_layout`).

    Raises:
        ValueError: The base was not loaded from anywhere: nothing could load it again.
    """
    origin = module.origin
    if origin is None or module.lora is None:
        raise ValueError("an adapter is saved beside its base: load the base from a folder before it is fitted")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    part = module.trained_part()
    layout = module.adapter_layout
    state = {layout.prefix + k: v.detach().cpu().contiguous() for k, v in get_peft_model_state_dict(part).items()}
    config = part.peft_config[adapters.NAME].to_dict()
    config |= {"base_model_name_or_path": origin.hub or origin.folder, "inference_mode": True}
    # Of twenty names or more peft keeps as few endings as match: another adapter by name, where the next fit asks.
    config["target_modules"] = sorted(module.lora.targets)
    (folder / CONFIG).write_text(_text(config) + "\n")
    # diffusers looks for the configuration beside the weights, in the same file. One entry: several would be written
    # in an order that differs from run to run.
    beside = {"lora_adapter_metadata": _text({layout.prefix + k: v for k, v in config.items()})}
    save_file(state, folder / layout.weights, metadata=beside)
    source = origin.locate()
    # A store that is moved as a whole keeps adapter and base as far apart as they were.
    near = None if origin.hub else os.path.relpath(source.resolve(), folder.resolve())
    digest = None if origin.hub else cards.digest(source)  # of the hub's the revision says it
    base = {**asdict(origin), "digest": digest, "near": near}
    (folder / BASE).write_text(json.dumps(base, indent=2, sort_keys=True) + "\n")


def _text(config: dict[str, Any]) -> str:
    """Return JSON with sets in their order, so that equal adapters are equal bytes."""
    return json.dumps(config, indent=2, sort_keys=True, default=lambda v: sorted(v) if isinstance(v, set) else str(v))


def load(cls: Any, folder: Path) -> Any:
    """Return the base that an adapter belongs to, as `cls`, with the adapter on it.

    `MissingModel` where the base is not on this machine, its files are others than the adapter was trained on, or the
    adapter asks for what is not followed here or lacks a tensor.
    """
    folder = Path(folder)
    config = json.loads((folder / CONFIG).read_text())
    try:
        adapter_contents.check_options(config, folder / CONFIG)
    except Broken as error:
        raise MissingModel(str(error)) from error
    source, origin = adapter_contents.find_base(folder)
    module = cls.load(source, dtype=origin.dtype, **origin.init_args)
    adapters.attach(module, Lora(config["r"], float(config["lora_alpha"]), tuple(sorted(config["target_modules"]))), 0)
    layout = adapter_contents.layout_of(folder)
    state = {k.removeprefix(layout.prefix): v for k, v in load_file(folder / layout.weights).items()}
    part = module.trained_part()
    _check_tensors(state, get_peft_model_state_dict(part), folder / layout.weights)
    with quiet():
        set_peft_model_state_dict(part, state, adapters.NAME)
    module.origin = origin
    return module


def _check_tensors(found: dict[str, Any], wanted: dict[str, Any], file: Path) -> None:
    """Refuse tensors that are missing, too many, or of another shape: a layer would stay as it is without them."""
    lacking, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    other = sorted(name for name in set(found) & set(wanted) if found[name].shape != wanted[name].shape)
    for names, what in ((lacking, "lacks"), (extra, "has no layer for"), (other, "has another shape for")):
        if names:
            raise MissingModel(
                f"{file}: the adapter {what} {names[0]!r}; allowed: the two factors of every layer in target_modules"
            )
