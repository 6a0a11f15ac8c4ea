"""What a folder of weights must hold for the class that reads it, told from its files alone. Free of torch.

Asked when a study is planned, so that a download that was cut, a file that git-LFS left behind, or a model of another
class is one sentence before any compute is spent. What only loading can tell is in `complete`.
"""

from __future__ import annotations

from pathlib import Path

from lightning_modules.weights import adapter_contents, cards, files
from lightning_modules.weights.files import Broken
from lightning_modules.weights.pooling import pooling_of
from lightning_modules.weights.sources import MissingModel, is_adapter
from records.place import ROOT

FAMILIES = ROOT / "lightning_modules" / "families"
INDEX, CONFIG, ADAPTER = "model_index.json", "config.json", "adapter_config.json"
#: Parts of published pipelines that take no part in drawing an image from a text.
UNUSED = ("safety_checker", "feature_extractor", "image_encoder")
DENOISERS = ("unet", "transformer")
BOTH = ("images", "captions")
#: What a U-Net's configuration names where the guidance scale is one of its inputs, as a consistency model's is.
TOLD_SCALE = "time_cond_proj_dim"
TOLD = f"has {TOLD_SCALE}: it takes the guidance scale as an input, as consistency models do; that is not followed"


def check_contents(
    folder: Path, reads: tuple[str, str, tuple[str, ...]], who: str, fetch: str = "", takes: tuple[str, ...] = BOTH
) -> None:
    """Check from its files alone that a folder holds what a class loads, whole.

    Args:
        folder: of the weights.
        reads: the file that says what the folder holds, the key in it, and its allowed values; none of these =
            whatever has a file in `families/`. Without a key the file is the weights themselves, and the rest are names
            that they may have instead. Model classes declare it as the class-level literal `reads`.
        who: name of the class, for the message.
        fetch: how the folder is fetched again, where it is known: what is said behind "fetch it with".
        takes: what the class reads beside weights: an image processor for images, a tokenizer for captions.

    Raises:
        MissingModel: the folder is not there, holds something else, or lacks something of what it should hold.
    """
    again = f"; fetch it with {fetch} (a gated model after its licence was accepted on its page)" if fetch else ""
    if not folder.is_dir():
        raise MissingModel(f"found {str(folder)!r}, which is no folder; allowed: a folder of weights{again}")
    try:
        if is_adapter(folder):
            adapter_contents.check(folder, reads, who, check_contents)
        elif not reads[1]:
            _check_file(folder, reads, who, again)
        else:
            _check_kind(folder, reads, who, again)
            if reads[0] == INDEX:
                _check_pipeline(folder)
            else:
                _check_network(folder, "transformers")
                if "captions" in takes:
                    _check_tokenizer(folder)
                    _check_pooling(folder)
                if "images" in takes:
                    _check_processor(folder)
    except Broken as error:
        where = "" if error.file == folder else f"{error.file.relative_to(folder).as_posix()!r} "
        raise MissingModel(
            f"found {str(folder)!r}, {'whose' if where else 'which'} {where}{error.what}; "
            f"allowed: a whole folder{again}"
        ) from error


def card_digest(folder: Path) -> str | None:
    """Return what the card of a folder says of its files; None where there is no card, or it says nothing of them."""
    file = folder / cards.CARD
    if not files.there(file):
        return None
    try:
        found = files.read_json(file).get("digest")
    except Broken as error:
        raise MissingModel(
            f"found {str(folder)!r}, whose {file.name!r} {error.what}; allowed: its card, or none"
        ) from error
    if found is not None and not (isinstance(found, str) and len(found) == 64):
        raise MissingModel(
            f"found {str(folder)!r}, whose card.json says digest {found!r}; allowed: 64 hex digits, or none"
        )
    return found


def _check_file(folder: Path, reads: tuple[str, str, tuple[str, ...]], who: str, again: str) -> None:
    """Check weights that are one file, under one name or another."""
    names = (reads[0], *reads[2])
    found = [folder / name for name in names if files.there(folder / name)]
    if not found:
        raise MissingModel(
            f"found {str(folder)!r}, which holds no weights; {who} reads a folder with {' or '.join(names)}{again}"
        )
    for file in found:
        files.check_other(file)


def _check_kind(folder: Path, reads: tuple[str, str, tuple[str, ...]], who: str, again: str) -> None:
    """Check that the folder holds a model that the class can be."""
    name, key, allowed = reads
    if not files.there(folder / name):
        if files.there(folder / ADAPTER):
            raise Broken(folder, "holds an adapter without base.json")
        other = next((f for f in (INDEX, CONFIG) if files.there(folder / f)), None)
        holds = f"holds {_kind(folder / other)!r} ({other})" if other else "holds no model"
        raise MissingModel(f"found {str(folder)!r}, which {holds}; {who} reads a folder with {name}{again}")
    found = _kind(folder / name, key)
    known = allowed or tuple(sorted(f.stem for f in FAMILIES.glob("*.py") if f.stem != "__init__"))
    plain = found if allowed else found.removesuffix("Pipeline").replace("-", "_").lower()
    if plain not in known:
        raise MissingModel(
            f"found {str(folder)!r}, which holds {found!r} ({name}); {who} loads one of: {', '.join(known)}"
        )


def _kind(file: Path, key: str | None = None) -> str:
    content = files.read_json(file)
    keys = (key,) if key else ("_class_name", "model_type")
    return str(next((content[k] for k in keys if content.get(k)), "nothing that says its kind"))


def _check_pipeline(folder: Path) -> None:
    """Check every part of a pipeline that takes part in drawing, and that none is left out."""
    index = files.read_json(folder / INDEX)
    parts = {n: v for n, v in index.items() if isinstance(v, list) and len(v) == 2 and all(v) and n not in UNUSED}
    encoders = [name for name in parts if name.startswith("text_encoder")]
    wanted = ["vae", "scheduler", *(name.replace("text_encoder", "tokenizer") for name in encoders)]
    wanted += [] if any(name in parts for name in DENOISERS) else ["unet"]
    lacking = [name for name in (*wanted, *(() if encoders else ("text_encoder",))) if name not in parts]
    if lacking:
        raise Broken(folder / INDEX, f"names no {lacking[0]!r}")
    for name, (library, _) in parts.items():
        if library not in files.STEMS:
            raise Broken(folder / INDEX, f"takes {name!r} from {library!r}, not {' or '.join(files.STEMS)}")
        if not (folder / name).is_dir():
            network = name != "scheduler" and not name.startswith("tokenizer")
            raise Broken(folder / name, "holds no *.safetensors: it is not there" if network else "is not there")
        if name.startswith("tokenizer"):
            _check_tokenizer(folder / name)
        elif name == "scheduler":
            if "_class_name" not in files.read_json(folder / name / "scheduler_config.json"):
                raise Broken(folder / name / "scheduler_config.json", "does not say its '_class_name'")
        else:
            _check_network(folder / name, library)


def _check_network(folder: Path, library: str) -> None:
    if files.read_json(folder / CONFIG).get(TOLD_SCALE) is not None:
        raise Broken(folder / CONFIG, TOLD)
    for file in sorted(folder.glob("*.json")):
        files.parse_json(file)
    if files.there(folder / ADAPTER):
        raise Broken(folder, f"holds a model and {ADAPTER}; merge the two, or move one")
    files.check_weights(folder, library)


def _check_tokenizer(folder: Path) -> None:
    """Check that one of the forms in which tokenizers are saved is there whole."""
    files.read_json(folder / "tokenizer_config.json")
    if files.there(folder / "tokenizer.json"):
        files.read_json(folder / "tokenizer.json")
        return
    pieces = sorted(folder.glob("*.model"))
    if files.there(folder / "vocab.txt"):
        files.check_whole(folder / "vocab.txt")
    elif pieces:
        _check_pieces(pieces[0])
    elif files.there(folder / "vocab.json"):
        files.read_json(folder / "vocab.json")
        files.check_whole(folder / "merges.txt")
    else:
        raise Broken(folder / "tokenizer.json", "is not there, nor another vocabulary")


def _check_pieces(file: Path) -> None:
    """Check a vocabulary of sentencepiece by opening it; without these packages transformers tries another format."""
    files.check_whole(file)
    try:
        import google.protobuf  # noqa: F401  transformers opens it with this
        import sentencepiece
    except ImportError as error:
        package = "protobuf" if str(error.name).startswith("google") else "sentencepiece"
        raise Broken(file, f"needs the package {package}, which is not installed") from error
    try:
        sentencepiece.SentencePieceProcessor(model_file=str(file))
    except (OSError, RuntimeError) as error:
        raise Broken(file, "is no vocabulary of sentencepiece") from error


def _check_pooling(folder: Path) -> None:
    """Check what a sentence-transformers folder says of its pooling; other folders say nothing."""
    try:
        pooling_of(folder)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = str(error).removeprefix(str(folder / "_").removesuffix("_"))
        raise MissingModel(f"found {str(folder)!r}: {what}") from error


def _check_processor(folder: Path) -> None:
    """Check the image processor: a file of its own, or a part of a processor."""
    if files.there(folder / "preprocessor_config.json"):
        files.read_json(folder / "preprocessor_config.json")
    elif not files.there(folder / "processor_config.json"):
        raise Broken(folder / "preprocessor_config.json", "is not there, nor processor_config.json")
    elif "image_processor" not in files.read_json(folder / "processor_config.json"):
        raise Broken(folder / "processor_config.json", "holds no 'image_processor'")
