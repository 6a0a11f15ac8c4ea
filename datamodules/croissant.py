"""`croissant.json` beside exported pairs: what the files are, in the vocabulary that catalogues of data sets read.

Croissant 1.0 is JSON-LD on schema.org (arXiv 2403.19546, http://mlcommons.org/croissant/1.0). Licence, creator and
address are not known here: whoever publishes adds them, and they stay when more is exported into the folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datamodules.pairs_file import COLUMNS
from datamodules.reading import json_of, read_text
from records.files import write_text

FILE = "croissant.json"
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
#: Columns of a file of pairs, in words.
_MEANING = {
    "image": "PNG, to the last bit what the model drew, or the real picture",
    "caption": "what is said of the picture; empty where there is none yet",
    "prompt": "what the picture was drawn from; empty where it is real",
    "id": "number of the item in its split",
    "source": "the models that made the pair, in the order in which they worked; empty where it is real",
    "seed": "of the random numbers of the pair",
    "iteration": "0: a real pair; t: made in iteration t; -1: made for measuring",
    "draw": "which of several draws for one id",
    "weight": "in the loss",
}
_KINDS = {"string": "sc:Text", "float32": "sc:Float"}


def require(folder: Path) -> None:
    """Refuse a folder whose `croissant.json` is another thing, before anything is written.

    Raises:
        ValueError: Naming it.
    """
    _there(folder / FILE)


def write(file: Path, fields: Mapping[str, Any], pictures: bool) -> Path:
    """Describe one file of pairs in the `croissant.json` beside it; what that says of other files, and more, stays.

    Args:
        file: Parquet that `Pairs.export` wrote.
        fields: Of the pairs, by the names in `COLUMNS`; one that is None has no column.
        pictures: Whether images are pictures, not numbers.

    Raises:
        ValueError: The `croissant.json` that is there is another thing.
    """
    target = file.parent / FILE
    told = _there(target)
    table = _table(file, fields, pictures)
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": file.stem,
        "description": "Image-caption pairs of a training loop, synthetic and real, with where each came from.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "isLiveDataset": False,
        **told,
        "distribution": _with(told.get("distribution"), _distribution(file)),
        "recordSet": _with(told.get("recordSet"), table),
    }
    collected = [part["description"] for part in document["recordSet"] if isinstance(part.get("description"), str)]
    document["rai:dataCollection"] = " ".join(collected)
    return write_text(target, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _there(target: Path) -> dict[str, Any]:
    """Return what is there, {} where nothing is."""
    if not target.exists():
        return {}
    allowed = "a Croissant file, or none"
    found = json_of(read_text(target), str(target), allowed)
    lists = [found.get(key, []) for key in ("distribution", "recordSet")] if isinstance(found, dict) else [None]
    if not all(isinstance(part, list) and all(isinstance(one, dict) for one in part) for part in lists):
        raise ValueError(f"{target}: found another document; allowed: {allowed}")
    return dict(found)


def _with(there: list[dict[str, Any]] | None, one: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parts that are there with one more, in place of one of the same name."""
    return [part for part in there or [] if part.get("@id") != one["@id"]] + [one]


def _distribution(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": file.name,
        "contentSize": f"{file.stat().st_size} B",
        "encodingFormat": "application/x-parquet",
        "sha256": digest,
    }


def _table(file: Path, fields: Mapping[str, Any], pictures: bool) -> dict[str, Any]:
    kinds = {column: _KINDS.get(kind, "sc:Integer") for n, (column, kind) in COLUMNS.items() if fields[n] is not None}
    columns = {"image": "sc:ImageObject" if pictures else "sc:Float", **kinds}
    real = int(sum(origin == 0 for origin in fields["origin"].tolist()))
    count = len(fields["origin"])
    models = sorted({name for text in fields["source"] or () for name in text.split(" + ") if name})
    made = f" by {', '.join(models)}" if models else ""
    return {
        "@type": "cr:RecordSet",
        "@id": file.stem,
        "name": file.stem,
        "description": f"{file.name}: {count} pairs, {real} of them real, {count - real} made{made}.",
        "field": [_field(file, column, kind) for column, kind in columns.items()],
    }


def _field(file: Path, column: str, kind: str) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": file.name}, "extract": {"column": column}}
    if kind == "sc:ImageObject":
        source["transform"] = {"jsonPath": "bytes"}
    return {
        "@type": "cr:Field",
        "@id": f"{file.stem}/{column}",
        "name": column,
        "description": _MEANING[column]
        if kind != "sc:Float" or column != "image"
        else "a number: the analytic testbed",
        "dataType": kind,
        "source": source,
    }
