"""Single files of a model's folder: whole, cut, or another. Free of torch; of weights the headers are read.

A download that was cut, a file that git-LFS left a pointer for, or a link to nothing must be told before a study
starts, not when its last judge is loaded.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

POINTER = b"version https://git-lfs"
#: What the weights of a network are called, by the library that reads them.
STEMS = {"transformers": "model", "diffusers": "diffusion_pytorch_model"}
#: Largest header that the safetensors format allows.
HEADER = 100_000_000


class Broken(ValueError):
    """A file or folder is not what it should be.

    Attributes:
        file: which one.
        what: what is wrong with it, to be read behind its name.
    """

    def __init__(self, file: Path, what: str) -> None:
        super().__init__(f"{file} {what}")
        self.file, self.what = file, what


def there(path: Path) -> bool:
    """Return whether there is a file or a link of this name, the link to nothing included."""
    return path.is_file() or path.is_symlink()


def check_whole(file: Path) -> int:
    """Return the bytes of a file; one that is not there, empty or a git-LFS pointer is `Broken`."""
    if not file.is_file():
        raise Broken(file, "is a link to nothing" if file.is_symlink() else "is not there")
    try:
        with open(file, "rb") as stream:
            start = stream.read(len(POINTER))
    except OSError as error:
        raise Broken(file, f"cannot be read ({error.strerror})") from error
    if not start:
        raise Broken(file, "is empty")
    if start == POINTER:
        raise Broken(file, "is a git-LFS pointer; `git lfs pull` fetches the file")
    return file.stat().st_size


def parse_json(file: Path) -> Any:
    """Return what a JSON file holds; `Broken` where it cannot be read."""
    check_whole(file)
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Broken(file, "cannot be read as JSON") from error


def read_json(file: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds; `Broken` where it holds none, or an empty one."""
    found = parse_json(file)
    if not isinstance(found, dict) or not found:
        raise Broken(file, "holds no JSON object with keys in it")
    return found


def header(file: Path) -> dict[str, Any]:
    """Return the tensors of a safetensors file by name; `Broken` where header or length are wrong."""
    size = check_whole(file)
    with open(file, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > HEADER:
            raise Broken(file, "is no safetensors file")
        if 8 + length > size:
            raise Broken(file, f"is cut: {size} bytes, its header alone has {8 + length}")
        try:
            found = json.loads(stream.read(length))
            found.pop("__metadata__", None)
            whole = 8 + length + max((int(tensor["data_offsets"][1]) for tensor in found.values()), default=0)
        except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            raise Broken(file, "is no safetensors file") from error
    if size != whole:
        raise Broken(file, f"{'is cut' if size < whole else 'is too long'}: {size} bytes of {whole}")
    if not found:
        raise Broken(file, "holds no tensor")
    return found


def found_weights(folder: Path, library: str) -> tuple[str | None, Path] | None:
    """Return the variant and the file or index that a library reads: float16 where there is nothing else."""
    for variant in (None, "fp16"):
        end = f".{variant}" if variant else ""
        single = folder / f"{STEMS[library]}{end}.safetensors"
        index = folder / f"{STEMS[library]}.safetensors.index{end}.json"
        for file in (index, single) if library == "diffusers" else (single, index):
            if there(file):
                return variant, file
    return None


def variant(folder: Path, library: str) -> str | None:
    """Return "fp16" where a folder holds weights of that name only."""
    found = found_weights(Path(folder), library)
    return found[0] if found else None


def check_weights(folder: Path, library: str) -> None:
    """Check the weights of a network from headers alone, shard by shard where an index names some."""
    found = found_weights(folder, library)
    if found is None:
        if any(there(file) for file in folder.glob("*-of-*.safetensors")):
            raise Broken(folder / f"{STEMS[library]}.safetensors.index.json", "is not there, and there are shards")
        raise Broken(folder, f"holds no *.safetensors called {STEMS[library]!r}")
    file = found[1]
    if file.suffix == ".safetensors":
        header(file)
        return
    places = read_json(file).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise Broken(file, "names no shard (weight_map)")
    for shard in sorted(set(map(str, places.values()))):
        held = header(folder / shard)
        lost = next((name for name, place in places.items() if place == shard and name not in held), None)
        if lost is not None:
            raise Broken(folder / shard, f"lacks {lost!r}")


def check_other(file: Path) -> None:
    """Check weights of any format: torch's files are archives since 2020, whose end tells whether one is cut."""
    if file.suffix == ".safetensors":
        header(file)
        return
    check_whole(file)
    with open(file, "rb") as stream:
        archive = stream.read(2) == b"PK"
    if archive and not zipfile.is_zipfile(file):
        raise Broken(file, "is cut: it has no end")
