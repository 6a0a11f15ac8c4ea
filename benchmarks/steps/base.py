"""A base model, judge or scorer: a reference to its verified files, or the model itself."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.steps.step import Step
from benchmarks.study.testbed import ClassSpec, ModelSpec
from benchmarks.study.world import model_folder, read_card
from lightning_modules.weights.cards import digest as folder_digest
from records.canonical import Spec
from records.place import located
from records.results import Cost
from records.sources import import_class

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext


@dataclass(frozen=True, eq=False, kw_only=True)
class Base(Step):
    """What trajectories start from, and what measures or scores them."""

    kind: ClassVar[str] = "base"
    version: ClassVar[int] = 1
    model: Spec

    @property
    def spec(self) -> ModelSpec:
        """The model as the testbed names it."""
        return self.model.execution[0]

    @property
    def rated(self) -> str:
        """The model: each takes its own time to make."""
        return self.model.digest

    @property
    def in_files(self) -> bool:
        """Whether the model is read from a folder or the hub's cache, not trained or made here."""
        return "recipe" not in self.model.value and (self.spec.folder is not None or self.spec.hub is not None)

    @property
    def first(self) -> bool:
        """Models in files come before whatever costs."""
        return self.in_files

    @property
    def reference(self) -> dict[str, Any]:
        """What the store keeps of a model in files: where they are, and the digest that they have to have."""
        weights = self.model.value.get("weights")
        return asdict(self.spec) | ({} if weights is None else {"weights": weights})

    def outdated(self, reference: Any) -> bool:
        """Whether what the store keeps leads to other files than the plan's, which may lie elsewhere by now."""
        weights = self.model.value.get("weights")
        if weights is None or not isinstance(reference, dict):
            return False
        folder = located(str(reference.get("folder")))
        return reference.get("weights") != weights or not folder.is_dir() or folder_digest(folder) != weights

    def run(self, context: RunContext) -> tuple[Any, Cost]:
        """Refer to the files that the plan was made with, train what has a recipe and none, make what has neither.

        Whether the files can be loaded is what `Trial` tells.

        Raises:
            StepError: The files are others than when the run was planned.
        """
        from benchmarks.steps.context import check_files, make_model

        spec, data = self.model.execution
        if "recipe" in self.model.value:
            return _trained(spec, data, model_folder(spec), context), Cost()
        if not self.in_files:
            return make_model(spec), Cost()
        check_files(spec.folder, self.model.value.get("weights"))
        return self.reference, Cost()


def _trained(spec: ModelSpec, data: ClassSpec, shipped: Path | None, context: RunContext) -> Any:
    """Train a model whose recipe no shipped weights have; a killed training goes on from its last checkpoint."""
    from lightning_modules.bases.small import RECIPES
    from lightning_modules.bases.train import train_base

    assert shipped is not None
    cls: Any = import_class(spec.class_path)
    made: Any = import_class(data.class_path)(**data.init_args)
    root = getattr(context.store, "root", None)
    with tempfile.TemporaryDirectory() as aside:

        def prepare(name: str) -> None:
            if (Path(aside) / name).is_dir():
                return
            recipe = RECIPES[name].on(data.class_path, data.init_args, getattr(made, "identity", None))
            for need in recipe.needs:
                prepare(need)
            card = read_card(shipped.parent / name)
            if card is not None and card.get("recipe_digest") == recipe.digest:
                shutil.copytree(shipped.parent / name, Path(aside) / name)
            else:
                work = root / "training" / recipe.digest if root else None
                train_base(recipe, Path(aside) / name, context.progress, work)

        prepare(str(spec.recipe))
        model = cls.load(Path(aside) / str(spec.recipe), **spec.init_args)
        if hasattr(model, "origin"):
            model.origin = None  # that folder is about to go; the store's will be the one to load from
        return model
