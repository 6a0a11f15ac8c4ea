"""The control that never sees synthetic data: same start, steps, N and learning rate, but real pairs.

It tells collapse from a destructive fit: where `real` worsens as much as `none`, nothing was shown.
"""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.methods.hooks import Mitigation


class Real(Mitigation):
    """Train on N real items of the prompt split with one seeded human caption each."""

    name: ClassVar[str] = "real"
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("real",)}

    def curate(self, ctx: Any) -> Any:
        """Return the real pairs of this iteration."""
        return ctx.real[-1]
