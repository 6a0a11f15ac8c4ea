"""The control that does nothing: train on the synthetic data as it comes (2305.17493, 2307.01850)."""

from __future__ import annotations

from typing import ClassVar

from benchmarks.methods.hooks import Mitigation


class Nothing(Mitigation):
    """Replace: every iteration trains on the pool of that iteration alone."""

    name: ClassVar[str] = "nothing"
