"""What of a hub repository is read, as patterns of `hf download`. Free of torch and of the network.

Repositories hold the same weights several times: as safetensors, pickled, for other libraries, in float16, without a
moving average, or as one large file. A class reads one of these.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

#: Of a pipeline: its index, a folder a part. Patterns are those of `fnmatch`, whose * matches / too.
PIPELINE = (
    "model_index.json", "scheduler/*", "tokenizer*/*", "text_encoder*/*.json", "text_encoder*/model*.safetensors",
    *(f"{part}/{name}" for part in ("unet", "transformer", "vae")
      for name in ("*.json", "diffusion_pytorch_model*.safetensors")),
)  # fmt: skip
NETWORK = ("*.json", "model*.safetensors")
#: Of a tokenizer, what is not JSON already: vocabularies, merges, sentencepiece, how a turn is written.
WORDS = ("*.txt", "*.model", "*.jinja")
#: Weights that lie there a second time: in float16, without a moving average, for other libraries.
HALF = "*.fp16*"
AGAIN = {"pipeline": (HALF, "*.non_ema*"), "network": (HALF, "onnx/*", "openvino/*")}


@dataclass(frozen=True)
class Wanted:
    """Which files of a repository are read, as `fnmatch` patterns of their names."""

    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()


def wanted(reads: tuple[str, str, tuple[str, ...]], takes: tuple[str, ...]) -> Wanted:
    """Return the files that a class reads.

    Args:
        reads: as the class declares it, see `contents.check_contents`.
        takes: what it reads beside weights: an image processor for images, a tokenizer for captions.
    """
    file, key, others = reads
    if not key:
        return Wanted((file, *others))
    if file == "model_index.json":
        return Wanted(PIPELINE, AGAIN["pipeline"])
    return Wanted((*NETWORK, *(WORDS if "captions" in takes else ())), AGAIN["network"])


def weightless(folder: Path) -> tuple[str, ...]:
    """Return the networks of a fetched repository without weights, by their part, "" for a single one.

    What was fetched leaves out float16, so these are the networks that their repository holds in float16 alone, or
    whose weights did not arrive.
    """
    found = (file.parent for file in sorted(Path(folder).glob("**/config.json")))
    lacking = (place for place in found if not any(place.glob("*.safetensors")))
    return tuple(place.relative_to(folder).as_posix().removeprefix(".") for place in lacking)


def with_half(files: Wanted, folder: Path) -> Wanted:
    """Return the files to fetch where some came without their weights: those in float16 too, of these networks."""
    lacking = weightless(folder)
    if not lacking or HALF not in files.exclude:
        return files
    whole = {file.parent.relative_to(folder).as_posix() for file in Path(folder).glob("**/*.safetensors")}
    kept = tuple(f"{place}/{HALF}" for place in sorted(whole - {"."}))
    return replace(files, exclude=(*kept, *(pattern for pattern in files.exclude if pattern != HALF)))


def command(hub: str, revision: str | None, files: Wanted | None) -> str:
    """Return the shell command that fetches a model; all of its repository where it is not known what is read."""
    parts = ["hf", "download", hub, *(("--revision", revision) if revision else ())]
    for option, patterns in (("--include", files.include), ("--exclude", files.exclude)) if files else ():
        parts += [word for pattern in patterns for word in (option, pattern)]
    return shlex.join(parts)
