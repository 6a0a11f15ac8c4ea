"""What models will take on the disk, told from the headers of their base's files. Free of torch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from lightning_modules.settings import Lora
from lightning_modules.weights import files
from lightning_modules.weights.contents import CONFIG, DENOISERS, INDEX, UNUSED
from lightning_modules.weights.sources import is_adapter
from records.errors import UsageError
from records.sources import declared

#: Bytes of a number, by the format that frozen weights are held in; trained ones are float32.
BYTES = {"float32": 4, "bfloat16": 2}


def saved_bytes(folder: Path, dtype: str, lora: Lora | None) -> int:
    """Return the bytes of a model that was trained from the base in a folder, as `save` writes it.

    Args:
        folder: of the base, whole.
        dtype: of its frozen weights.
        lora: the adapter that is trained; None = all that its family trains, saved with what stays frozen.
    """
    if is_adapter(folder):
        return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    if lora is not None:
        return sum(4 * lora.rank * (shape[0] + math.prod(shape[1:])) for shape in _adapted(folder, lora))
    weights = sum(math.prod(shape) * (BYTES[dtype] if kept else 4) for shape, kept in _trained_or_kept(folder))
    return _beside(folder) + weights


def _trained_or_kept(folder: Path) -> Iterator[tuple[list[int], bool]]:
    """Yield the shape of every tensor, and whether it stays frozen where all that a family trains is trained."""
    family = _family(folder)
    frozen = tuple(declared(family, "frozen", ())) if family else ()
    outer = tuple(f"model.{prefix}" for prefix in frozen)
    for part, name, shape in _tensors(folder):
        # Published files may leave out the outermost name.
        kept = part not in DENOISERS if part else bool(frozen) and f"model.{name}".startswith((*frozen, *outer))
        yield shape, kept


def held_bytes(folder: Path, dtype: str, lora: Lora | None) -> int:
    """Return the bytes that a device holds of a model in training, before any sample goes through it.

    What is trained is there four times in float32: as weight, gradient and AdamW's two moments; the rest once.

    Args:
        folder: of the base, whole, or of an adapter, whose base it cannot tell: 0.
        dtype: of its frozen weights.
        lora: the adapter that is trained; None = all that its family trains.
    """
    if is_adapter(folder):
        return 0
    if lora is not None:
        frozen = sum(math.prod(shape) * BYTES[dtype] for _, _, shape in _tensors(folder))
        return frozen + 4 * saved_bytes(folder, dtype, lora)
    return sum(math.prod(shape) * (BYTES[dtype] if kept else 16) for shape, kept in _trained_or_kept(folder))


def width(folder: Path) -> int | None:
    """Return how many numbers a judge's features have by its `config.json`; None where it does not say."""
    if not files.there(folder / CONFIG):
        return None
    config = files.read_json(folder / CONFIG)
    return next((int(config[key]) for key in ("projection_dim", "hidden_size", "dim") if config.get(key)), None)


def _tensors(folder: Path) -> Iterator[tuple[str, str, list[int]]]:
    """Yield part of the pipeline ("" of a single network), name and shape of every tensor that is saved."""
    index = files.read_json(folder / INDEX) if files.there(folder / INDEX) else None
    if index is None:
        parts = [("", "transformers")]
    else:
        held = {n: v for n, v in index.items() if isinstance(v, list) and len(v) == 2 and all(v) and n not in UNUSED}
        parts = [(n, v[0]) for n, v in held.items() if n != "scheduler" and not n.startswith("tokenizer")]
    for part, library in parts:
        for file in _weights(folder / part, library):
            yield from ((part, name, tensor["shape"]) for name, tensor in files.header(file).items())


def _weights(folder: Path, library: str) -> list[Path]:
    """Return the safetensors of a network."""
    found = files.found_weights(folder, library)
    if found is None:
        return []
    if found[1].suffix == ".safetensors":
        return [found[1]]
    return sorted({folder / str(shard) for shard in files.read_json(found[1])["weight_map"].values()})


def _adapted(folder: Path, lora: Lora) -> Iterator[list[int]]:
    """Yield the shapes of the layers that get an adapter: those named, or the usual ones of the family."""
    family, pipeline = _family(folder), files.there(folder / INDEX)
    targets = lora.targets or (tuple(declared(family, "lora_targets", ())) if family and pipeline else ())
    pattern = "" if targets or not family else declared(family, "lora_layers", "")
    for part, name, shape in _tensors(folder):
        layer, _, end = name.rpartition(".")
        if end == "weight" and len(shape) > 1 and part in ("", *DENOISERS):
            named = any(layer == target or layer.endswith("." + target) for target in targets)
            if named or (pattern and re.fullmatch(pattern, layer)):
                yield shape


def _family(folder: Path) -> str:
    """Return the class path of a model's family; "" where there is none."""
    pipeline = files.there(folder / INDEX)
    content = files.read_json(folder / (INDEX if pipeline else CONFIG))
    kind = str(content.get("_class_name" if pipeline else "model_type", ""))
    path = f"lightning_modules.families.{kind.removesuffix('Pipeline').replace('-', '_').lower()}.Family"
    try:
        declared(path, "lora_layers")
    except UsageError:
        return ""
    return path


def _beside(folder: Path) -> int:
    """Return the bytes of configurations and tokenizers, which are saved again."""
    found = (f for f in folder.rglob("*") if f.suffix in (".json", ".txt", ".model", ".jinja") and f.is_file())
    return sum(f.stat().st_size for f in found if not set(UNUSED) & set(f.relative_to(folder).parts))
