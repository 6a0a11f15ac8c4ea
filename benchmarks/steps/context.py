"""What a running step may touch: its inputs from the store, data sets and models kept between steps."""

from __future__ import annotations

import shutil
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.methods.hooks import Context
from benchmarks.storage.store import Store
from benchmarks.study.suite import Executions
from benchmarks.study.testbed import ModelSpec
from datamodules.pairs import Pairs
from lightning_modules import memory
from lightning_modules.weights.cards import digest as folder_digest
from lightning_modules.weights.sources import Origin, is_adapter
from records.canonical import Spec
from records.errors import StepError
from records.leftovers import mark
from records.names import MODALITIES
from records.place import located
from records.sources import import_class

#: Bytes of models that a process keeps loaded between steps unless it is told otherwise, and their number.
MODEL_BYTES, MODELS_KEPT = 2 * 2**30, 16


@dataclass
class RunContext:
    """One per process.

    Attributes:
        store: Where inputs are read from.
        progress: Called as progress(done, total) by steps that take long.
        execution: How this machine goes about fits and generations.
        model_bytes: Weights kept loaded between steps, least recently used out; the model in use stays in any case.
        hooked: What the hooks of the running step were given, and what they said that they consumed.
        lent: Models that the running step's hooks were given.
    """

    store: Store
    progress: Callable[[int, int], None] | None = None
    execution: Executions = field(default_factory=Executions)
    model_bytes: int = MODEL_BYTES
    hooked: list[Context] = field(default_factory=list)
    lent: set[str] = field(default_factory=set)
    _spools: list[Path] = field(default_factory=list)
    _data: dict[str, Any] = field(default_factory=dict)
    _models: OrderedDict[str, Any] = field(default_factory=OrderedDict)

    def data(self, spec: Spec) -> Any:
        """Return the data set of an identity."""
        if spec.digest not in self._data:
            self._data[spec.digest] = import_class(spec.execution.class_path)(**spec.execution.init_args)
        return self._data[spec.digest]

    def model(self, key: str) -> Any:
        """Return a model to read from, which shares its base with others; it must not be changed."""
        return self._kept(key, lambda: self._sharing(key))

    def lend(self, key: str) -> Any:
        """Return a model to a hook, which may do with it what it likes: no later step gets to see it."""
        if key not in self.lent:
            self._models.pop(key, None)  # it may share weights, which a hook may change
            self.lent.add(key)
        return self._kept(key, lambda: self.fresh_model(key))

    def recall(self) -> None:
        """Forget the models that hooks were given: the next step loads them as they are in the store."""
        for key in self.lent & self._models.keys():
            del self._models[key]
        self.lent.clear()

    def trainable(self, key: str, adapter: bool) -> Any:
        """Return a model to train: its adapter alone, or all of it.

        What is kept for later steps makes room on the accelerator, but for a base that the model shares.
        """
        model = self._sharing(key) if adapter else self.fresh_model(key)
        _make_room(model, self._models.values())
        return model

    def _sharing(self, key: str) -> Any:
        from lightning_modules.weights import shared

        with shared.sharing():
            return self.fresh_model(key)

    @property
    def keeps_models(self) -> bool:
        """Whether models are kept loaded, of this step or of earlier ones."""
        return bool(self._models)

    def forget(self) -> None:
        """Let go of all models that are kept loaded."""
        self._models.clear()

    def to_host(self) -> None:
        """Move all models that are kept loaded off the accelerator."""
        for model in self._models.values():
            if callable(getattr(model, "cpu", None)):
                model.cpu()

    def spool(self) -> Path | None:
        """Return a new folder for what is too large for memory, gone after the step; None where the store has none."""
        root = getattr(self.store, "root", None)
        if root is None:
            return None
        folder = Path(root) / "tmp" / f"spool-{mark()}-{uuid.uuid4().hex}"
        folder.mkdir(parents=True)
        self._spools.append(folder)
        return folder

    def tidy(self) -> None:
        """Remove what the step kept aside."""
        while self._spools:
            shutil.rmtree(self._spools.pop(), ignore_errors=True)

    def fresh_model(self, key: str) -> Any:
        """Return a model that the caller may train."""
        return self._ready(self.store.fresh(key))

    def _ready(self, value: Any) -> Any:
        """Make a model of what the store keeps of it, and tell it how this machine goes about its work."""
        model = value
        if isinstance(value, dict) and "class_path" in value:
            reference = dict(value)
            check_files(reference.get("folder"), reference.pop("weights", None))
            model = make_model(ModelSpec(**reference))
        if callable(getattr(model, "cpu", None)):
            from lightning_modules.fitting.devices import require_seen

            require_seen()
        if getattr(model, "modality", None) in MODALITIES and hasattr(model, "execution"):  # judges have neither
            model.execution = getattr(self.execution, model.modality)
            model.batch_size = model.execution.generate_batch or model.batch_size
        return model

    def source(self, key: str) -> str:
        """Name a model for people: a base's name, or its class, and where in the store it lies."""
        value = self.store.get(key) if self.store.record(key).kind == "base" else None
        name = value["name"] if isinstance(value, dict) else type(self.model(key)).__name__
        return f"{name}@{key[:12]}"

    def _kept(self, key: str, make: Callable[[], Any]) -> Any:
        if key not in self._models:
            self._models[key] = make()
            while len(self._models) > 1 and (
                len(self._models) > MODELS_KEPT or weight(*self._models.values()) > self.model_bytes
            ):
                large = weight(self._models.popitem(last=False)[1]) >= memory.LARGE
                if large:  # a model that has drawn or been trained hangs in cycles, which hold its place on the device
                    memory.release()
        self._models.move_to_end(key)
        return self._models[key]

    def pool(self, keys: str | tuple[str, ...]) -> Pairs:
        """Return the parts of a pool, joined."""
        return _joined([self.store.get(k) for k in _listed(keys)])

    def fresh_pool(self, keys: str | tuple[str, ...]) -> Pairs:
        """Return the parts of a pool, joined, for a hook that may change them."""
        return _joined([self.store.fresh(k) for k in _listed(keys)])


def _listed(keys: str | tuple[str, ...]) -> tuple[str, ...]:
    return (keys,) if isinstance(keys, str) else keys


def _joined(parts: list[Pairs]) -> Pairs:
    return parts[0] if len(parts) == 1 else Pairs.concat(parts)


def weight(*models: Any) -> int:
    """Return the bytes of models' weights, shared ones once; what has none, as the analytic models, weighs nothing."""
    return sum({id(p): p.nbytes for model in models for p in _parameters(model)}.values())


def _parameters(model: Any) -> list[Any]:
    parameters = getattr(model, "parameters", None)
    return list(parameters()) if callable(parameters) else []


def _make_room(model: Any, others: Iterable[Any]) -> None:
    """Move models that share nothing with one off their accelerator; whoever uses them next moves them back."""
    mine = {id(p) for p in _parameters(model)}
    for other in others:
        held = _parameters(other)
        if any(p.device.type != "cpu" for p in held) and not any(id(p) in mine for p in held):
            other.cpu()


def check_files(folder: str | None, digest: str | None) -> None:
    """Refuse files that are no longer those that a run was planned with.

    Raises:
        StepError: Names the folder and both digests.
    """
    if folder is None or digest is None or not located(folder).is_dir():
        return
    found = folder_digest(located(folder))
    if found != digest:
        raise StepError(
            f"{located(folder)}: its files have digest {found[:12]}, and had {digest[:12]} when the run was planned"
        )


def make_model(spec: ModelSpec) -> Any:
    """Make a model from its weights and arguments, or from its arguments alone where it has no weights.

    Raises:
        MissingModel: The weights are not on this machine; nothing is downloaded.
    """
    cls: Any = import_class(spec.class_path)
    if spec.folder is None and spec.hub is None:
        return cls(**spec.init_args)
    origin = Origin(spec.class_path, spec.folder, spec.hub, spec.revision, spec.dtype, spec.init_args)
    folder = origin.locate()
    held = {} if spec.dtype == "float32" else {"dtype": spec.dtype}
    model = cls.load(folder, **held, **spec.init_args)
    if getattr(model, "origin", None) is not None and not is_adapter(folder):
        model.origin = origin  # by the name that the suite gives it, which holds on other machines too
    return model
