"""TCE: leave tokens that the model is already sure of out of the caption loss (2509.08972)."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.methods.hooks import Mitigation


class TruncatedCrossEntropy(Mitigation):
    """Train captioners on the tokens whose probability is at most gamma.

    Args:
        gamma: In (0, 1]; 1 = plain cross entropy. The paper uses 0.8 to 0.99; 0.9 within that is our choice.
    """

    name: ClassVar[str] = "truncated_cross_entropy"
    modalities: ClassVar[tuple[str, ...]] = ("captioner",)

    def __init__(self, gamma: float = 0.9):
        if not 0 < gamma <= 1:
            raise ValueError(f"gamma: found {gamma}; allowed: above 0, at most 1")
        self.gamma = gamma

    def objective(self, ctx: Any) -> Any:
        """Return the truncated loss."""
        return Truncated(self.gamma)


class Truncated:
    """The loss: -log p of the tokens with p <= gamma, divided by the number of all tokens of a caption.

    The mask has no gradient, and masked tokens stay in the divisor, as in the authors' code.

    Args:
        gamma: The largest probability that is trained on.
    """

    def __init__(self, gamma: float):
        self.gamma = gamma

    def __call__(self, losses: Any, context: dict[str, Any]) -> Any:
        """Return the weighted mean over samples, from token losses and mask (b, t)."""
        from lightning_modules.fitting.objectives import weighted_mean

        token_losses, mask = context["token_losses"], context["token_mask"]
        kept = mask & ((-token_losses.detach()).exp() <= self.gamma)
        means = (token_losses * kept).sum(1) / mask.sum(1)
        return weighted_mean(means * context.get("share", 1.0), context)
