"""The number format of loaded weights: frozen ones as asked for, trained ones float32."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers import ModelMixin
from torch import nn
from transformers import PreTrainedTokenizerBase

from lightning_modules.weights import complete
from lightning_modules.weights.files import variant
from lightning_modules.weights.quiet import quiet
from lightning_modules.weights.sources import MissingModel, Origin, portable

M = TypeVar("M", bound=nn.Module)
#: Written beside weights of which the frozen ones are not float32.
MARK = "weights.json"
DTYPES = ("float32", "bfloat16")
#: Of a processor: how many tokens an image is, and how a turn is written.
PROCESSOR = ("processor_config.json", "chat_template.jinja", "chat_template.json")


def stored(folder: Path, dtype: str) -> torch.dtype:
    """Return the format to read a folder in; one that is not in `DTYPES` is a ValueError.

    Weights that were trained come back as float32, bit for bit.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype: found {dtype!r}; allowed: {', '.join(DTYPES)}")
    return torch.float32 if (Path(folder) / MARK).is_file() else getattr(torch, dtype)


def read(
    folder: Path,
    dtype: str,
    network: Any,
    *parts: Any,
    unread: Sequence[str] = (),
    heads: bool = False,
    **options: Any,
) -> list[Any]:
    """Return a network in the format `stored` says, then other parts, all by `from_pretrained` from this machine.

    `MissingModel` where weights or words are missing; `complete.check_weights` says what `unread` and `heads` are.
    `options` are what the network is read with beside that.
    """
    folder = Path(folder)
    model = read_network(network, folder, stored(folder, dtype), unread, heads, **options)
    others = [read_part(part, folder) for part in parts]
    for part in others:
        if isinstance(part, PreTrainedTokenizerBase):
            complete.check_tokenizer(part, model.config.get_text_config(decoder=True).vocab_size, folder)
    return [model, *others]


def read_part(part: Any, folder: Path, **options: Any) -> Any:
    """Return anything that has `from_pretrained`, read from this machine alone; what it cannot read is one sentence."""
    with quiet():
        try:
            return part.from_pretrained(folder, local_files_only=True, **options)
        except ValueError as error:
            said = " ".join(str(error).split())[:160]
            raise MissingModel(f"{folder}: {part.__name__} cannot read it: {said}") from error


def read_network(
    network: Any, folder: Path, dtype: torch.dtype, unread: Sequence[str] = (), heads: bool = False, **options: Any
) -> Any:
    """Return a network by `from_pretrained`, its safetensors or their float16 variant; `MissingModel` as of `read`."""
    library = "diffusers" if issubclass(network, ModelMixin) else "transformers"
    options |= {"torch_dtype" if library == "diffusers" else "dtype": dtype, "variant": variant(folder, library)}
    if library == "transformers":
        options["ignore_mismatched_sizes"] = True  # they are in the report
    model, report = read_part(network, folder, use_safetensors=True, output_loading_info=True, **options)
    complete.check_weights(model, report, folder, unread, heads)
    return model


def write(folder: Path, *parts: Any) -> None:
    """Write every part with `save_pretrained`."""
    with quiet():
        for part in parts:
            part.save_pretrained(folder)


def beside(folder: Path) -> dict[str, str]:
    """Return the files, by name, by which a library's processor puts text and image together; nothing here asks them.

    They are kept for those who open a saved model with the library itself.
    """
    return {f: (Path(folder) / f).read_text(encoding="utf-8") for f in PROCESSOR if (Path(folder) / f).is_file()}


def loaded(module: M, folder: Path, dtype: str, exact: nn.Module | None = None, **arguments: Any) -> M:
    """Say of a module that was just read where it comes from and what its frozen weights are held in.

    `arguments` are those that it was loaded with and that are not the folder's own; a part that is to stay `exact` is
    left as it was read.
    """
    kind = f"{type(module).__module__}.{type(module).__qualname__}"
    mark = Path(folder) / MARK
    module.loaded_as = json.loads(mark.read_text())["frozen"] if mark.is_file() else dtype
    given = {name: value for name, value in arguments.items() if value is not None}
    module.origin = Origin(kind, portable(folder), dtype=dtype, init_args=given)
    if mark.is_file():
        left = set() if exact is None else set(exact.parameters())
        for parameter in module.parameters():
            if not parameter.requires_grad and parameter not in left:
                parameter.data = parameter.data.to(getattr(torch, module.loaded_as))
    return module.eval()


def mark(module: Any, folder: Path) -> None:
    """Write down what the frozen weights of a saved module are held in, where it is not float32."""
    if module.loaded_as != "float32":
        (Path(folder) / MARK).write_text(json.dumps({"frozen": module.loaded_as}) + "\n")
