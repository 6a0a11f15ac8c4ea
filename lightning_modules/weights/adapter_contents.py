"""What an adapter's folder must hold, told from its files alone: options that are followed here, and a whole base.

peft has more options than are followed: one that is not would load as another adapter than was trained. Free of torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lightning_modules.weights import cards, files
from lightning_modules.weights.files import Broken
from lightning_modules.weights.sources import ADAPTER_BASE, MissingModel, Origin, is_adapter, portable
from records.errors import UsageError
from records.sources import declared

CONFIG = "adapter_config.json"


@dataclass(frozen=True)
class Layout:
    """How a library that reads adapters wants them.

    Attributes:
        weights: Name of the file.
        prefix: What the names of all layers begin with.
    """

    weights: str
    prefix: str


#: `PeftModel.from_pretrained(base, folder)`, whose name of what it wraps is the prefix.
PEFT = Layout("adapter_model.safetensors", "base_model.model.")
#: `pipe.load_lora_weights(folder)`, by the part of the pipeline that carries the adapter.
DIFFUSERS = {part: Layout("pytorch_lora_weights.safetensors", f"{part}.") for part in ("unet", "transformer")}
#: Options that are followed, and those that change nothing of a trained adapter on the layers it is put on.
FOLLOWED = {"r", "lora_alpha", "target_modules", "exclude_modules", "peft_type"}
IDLE = {
    "auto_mapping", "base_model_name_or_path", "ensure_weight_tying", "fan_in_fan_out", "inference_mode",
    "lora_dropout", "megatron_core", "peft_version", "qalora_group_size", "revision", "runtime_config", "task_type",
}  # fmt: skip
#: What an option says that is not used, and ways to begin that leave the base as it is.
OFF: tuple[Any, ...] = (None, False, 0, "none", "", [], {})
BEGINNINGS = (True, False, None, "gaussian", "orthogonal")


def check(folder: Path, reads: tuple[str, str, tuple[str, ...]], who: str, check_contents: Callable[..., None]) -> None:
    """Check an adapter that was saved beside its base, and the base.

    Raises:
        Broken: a file is missing, cut, or says what is not followed.
        MissingModel: the base is not there, is another one than it was, or not whole.
    """
    options = files.read_json(folder / CONFIG)
    check_options(options, folder / CONFIG)
    found = layout_of(folder)
    file = folder / found.weights
    check_names(files.header(file), int(options["r"]), file, found.prefix)
    source, origin = find_base(folder)
    try:
        theirs = declared(origin.class_path, "reads")
    except UsageError as error:
        raise Broken(folder / ADAPTER_BASE, f"cannot be used: {error}") from error
    if theirs is not None and tuple(theirs) != tuple(reads):
        raise Broken(folder, f"holds an adapter of {origin.class_path.rpartition('.')[2]}, which {who} does not read")
    if is_adapter(source):
        raise Broken(folder / ADAPTER_BASE, "names a base that is an adapter itself")
    try:
        check_contents(source, reads, who)
    except MissingModel as error:
        raise Broken(folder / ADAPTER_BASE, f"names a base that is not right: {error}") from error


def layout_of(folder: Path) -> Layout:
    """Return how an adapter was saved: as peft reads it, or as diffusers does."""
    other = folder / DIFFUSERS["unet"].weights
    if not other.is_file():
        return PEFT
    names = files.header(other)
    return next((layout for layout in DIFFUSERS.values() if all(n.startswith(layout.prefix) for n in names)), PEFT)


def check_options(options: dict[str, Any], file: Path) -> None:
    """Refuse options of peft that are not followed here."""
    for name in ("r", "lora_alpha", "target_modules"):
        if name not in options:
            raise Broken(file, f"does not say {name!r}")
    if options.get("peft_type", "LORA") != "LORA":
        raise Broken(file, f"says peft_type {options['peft_type']!r} (allowed: 'LORA')")
    if not isinstance(options["target_modules"], list):
        raise Broken(file, f"says target_modules {options['target_modules']!r} (allowed: a list of layers)")
    begins = options.get("init_lora_weights", True)
    if begins not in BEGINNINGS:
        raise Broken(
            file, f"says init_lora_weights {begins!r}, which changes the base (allowed: true, false, 'gaussian')"
        )
    for name in sorted(set(options) - FOLLOWED - IDLE - {"init_lora_weights"}):
        if options[name] not in OFF:
            raise Broken(file, f"says {name} {options[name]!r}, which is not followed here (allowed: none)")


def check_names(tensors: dict[str, Any], rank: int, file: Path, prefix: str) -> None:
    """Refuse factors without their other half, of another rank, or under names that are not peft's."""
    for name, tensor in sorted(tensors.items()):
        half, other = (".lora_A.", ".lora_B.") if ".lora_A." in name else (".lora_B.", ".lora_A.")
        layer, _, end = name.rpartition(half)
        if not name.startswith(prefix) or not layer or end != "weight":
            raise Broken(file, f"holds {name!r}, which is no factor of an adapter")
        if layer + other + end not in tensors:
            raise Broken(file, f"lacks {layer + other + end!r}")
        found = tensor["shape"][0 if half == ".lora_A." else 1]
        if found != rank:
            raise Broken(file, f"holds {name!r} of rank {found}, and {CONFIG} says r {rank}")


def find_base(folder: Path) -> tuple[Path, Origin]:
    """Return where the base of an adapter lies, and what loads it.

    `MissingModel` where it is not on this machine, or its files are others than the adapter was trained on.
    """
    try:
        base = files.read_json(folder / ADAPTER_BASE)
        digest, near, origin = base.pop("digest"), base.pop("near", None), Origin(**base)
    except (TypeError, KeyError) as error:
        raise Broken(folder / ADAPTER_BASE, "is not what an adapter is saved with") from error
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
    return source, origin
