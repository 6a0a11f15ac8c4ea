"""The base of every metric family: views in, named float64 numbers out."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torchmetrics import Metric

from benchmarks.metrics import jackknife
from benchmarks.metrics.texts import clean
from benchmarks.metrics.view import View
from records.declarations import facts

CHAIN = ("origin_features", "origin_paired_features", "earlier_features", "earlier_paired_features")
FEATURES = ("features", "paired_features", "draw_features", "reference_features", *CHAIN)
TEXTS = ("captions", "prompts")
TUPLES_OF_TEXTS = ("references", "document_frequency")
_GAPS = ("reference_features",)  # NaN where an item has fewer references than others
_FIELD = {"draws": "draw_features", "java": None, "spice": None}  # needs that are not the name of a field


class MetricUnavailable(Exception):
    """A family cannot run here; the message is the reason that a result file shows under `absent`."""


class Family(Metric):
    """Metrics that are computed from the same inputs.

    A family has class-level literals, so that planning reads them from source without importing torch:

    - `version`: raised whenever a number can change; part of the key of every result.
    - `side`: "captioner", "generator" or "set".
    - `needs`: what the engine has to put into the view; "draws" stands for `draw_features`, "java" for a Java
      runtime, "spice" for the models of SPICE. Names that are also in `optional` may be missing: the values
      made from them are left out.
    - `declares`: name -> {direction, range, source, misses}; a name that ends in `*` stands for all with that start.
      For people, and in no key: `with_n`, how the value moves with the number of items alone, and `healthy`, when it
      can look healthy during collapse. The tables of `docs/metrics.md` are made from it.
    - `intervals`: the names that come with a confidence interval; none unless it says so.

    A subclass writes `evaluate`, and `left_out` where it has intervals. After `compute`, `absent` says why a declared
    name is not in the result; a value that cannot be had is left out, never zero. `grains` says by how much one item
    moves a value that rests on some of the items only; shares of all of them move by one in n.

    In a distributed run `compute` sees the items of all processes, in the order of their ranks: features are
    tensor states, texts and images are gathered as objects. What an evaluation shares is sent along, once each.
    """

    version: ClassVar[int]
    side: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]] = ()
    intervals: ClassVar[tuple[str, ...]] = ()
    declares: ClassVar[dict[str, dict[str, Any]]]

    is_differentiable = False
    higher_is_better = None
    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        self._fields = tuple(field for need in self.needs if (field := _FIELD.get(need, need)))
        for name in (f for f in FEATURES if f in self._fields):  # in one order: processes exchange them one by one
            self.add_state(name, default=[], dist_reduce_fx="cat")
        self._views: list[View] = []
        self._own_views: list[View] = []
        self.absent: dict[str, str] = {}
        self.grains: dict[str, float] = {}

    def update(self, view: View) -> None:
        """Add a batch of items, in the order of the items; every text in its one form (`benchmarks.metrics.texts`).

        Raises:
            MetricUnavailable: if the view lacks an input that the family cannot do without.
        """
        kept: dict[str, Any] = {}
        for need in self.needs:
            name = _FIELD.get(need, need)
            if name is None:
                continue
            value = getattr(view, name)
            if value is None:
                if need not in self.optional:
                    raise MetricUnavailable(f"{type(self).__name__} needs {name}, which this evaluation does not have")
            elif name in FEATURES:
                getattr(self, name).append(torch.from_numpy(np.array(value, dtype=np.float64)))
            elif name in TEXTS:
                kept[name] = [clean(text) for text in value]
            elif name in TUPLES_OF_TEXTS:
                kept[name] = [tuple(map(clean, texts)) for texts in value]
            else:
                kept[name] = value
        self._views.append(View(**kept))

    def compute(self) -> dict[str, torch.Tensor]:
        """Return name -> () float64 tensor, a subset of `declares`.

        Raises:
            MetricUnavailable: if the family cannot run on this machine or on these inputs at all.
            ValueError: if no view was given, or inputs do not fit each other or are not finite.
        """
        if not self._views:
            raise ValueError(f"{type(self).__name__}: update was never called")
        self.absent, self.grains = {}, {}
        values = self.evaluate(self._gathered())
        unknown = sorted(name for name in {*values, *self.absent} if facts(self.declares, name) is None)
        if unknown:
            raise ValueError(f"{type(self).__name__} does not declare {unknown}")
        return {name: torch.tensor(float(value), dtype=torch.float64) for name, value in values.items()}

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values of all items; one that cannot be had is noted in `self.absent` instead."""
        raise NotImplementedError

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Return name -> 95 % interval of the values that `compute` returns, for names in `intervals`.

        A delete-block jackknife over the items, cut to the declared range; empty below 60 items, where a model's
        outputs are too few. It is to be asked in one process.
        """
        if not self.intervals:
            return {}
        view, values = self._gathered(), self.compute()
        items = view.features if view.features is not None else view.captions
        blocks = None if items is None else jackknife.block_numbers(len(items))
        if blocks is None:
            return {}
        with np.errstate(all="ignore"):  # what is left may have no value; such an interval is dropped below
            left_out = self.left_out(view, blocks)
        found = {}
        for name in (n for n in self.intervals if n in values and n in left_out):
            if np.isfinite(left_out[name]).all():
                low, high = self.declares[name]["range"]
                ends = np.clip(jackknife.interval(float(values[name]), left_out[name]), low, high)
                found[name] = (float(ends[0]), float(ends[1]))
        return found

    def left_out(self, view: View, blocks: np.ndarray) -> dict[str, np.ndarray]:
        """Compute name -> (g,) values without each block of items; `blocks` (n,) says which block an item is in."""
        raise NotImplementedError

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """Gathers the items of all processes, where there are several."""
        super().sync(*args, **kwargs)
        if self._is_synced:
            group = kwargs.get("process_group") or self.process_group
            gathered: list[list[View]] = [[] for _ in range(torch.distributed.get_world_size(group))]
            torch.distributed.all_gather_object(gathered, self._views, group)
            self._own_views, self._views = self._views, [view for views in gathered for view in views]

    def unsync(self, should_unsync: bool = True) -> None:
        """Goes back to the items of this process."""
        super().unsync(should_unsync)
        if should_unsync:
            self._views = self._own_views

    def reset(self) -> None:
        """Forgets all items."""
        super().reset()
        self._views = []
        self.absent = {}

    def _gathered(self) -> View:
        features = {}
        for name in (f for f in FEATURES if f in self._fields):
            parts = getattr(self, name)
            if isinstance(parts, list):  # a reduction over processes has already made one tensor of it
                if parts and len(parts) != len(self._views) and name != "draw_features":
                    raise ValueError(f"{name} is in {len(parts)} of {len(self._views)} batches: all or none")
                parts = torch.cat(parts) if parts else None
            if parts is not None and parts.numel():  # a reduction makes an empty tensor of what nobody has
                known = parts.numpy(force=True)
                features[name] = known if name in _GAPS else finite(known, name)
        return View.concat(self._views).with_(**features)


def finite(features: np.ndarray, name: str = "features") -> np.ndarray:
    """Return `features` as float64, of any shape.

    Raises:
        ValueError: if a number is NaN or infinite: a distance to it would say nothing.
    """
    features = np.asarray(features, dtype=np.float64)
    if not np.isfinite(features).all():
        raise ValueError(f"{name} hold NaN or infinite numbers")
    return features
