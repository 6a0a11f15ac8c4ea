"""What every trainable model here shares: losses per sample, and the bookkeeping of one fit."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor

from lightning_modules.runner import NonFiniteLoss, Objective, Schedule
from lightning_modules.seeds import derive
from lightning_modules.settings import FitSettings


class FitModule(LightningModule):
    """A LightningModule whose training step is: losses per sample, then one objective over them."""

    def losses(self, batch: dict[str, Tensor], settings: FitSettings) -> tuple[Tensor, dict[str, Any]]:
        """Return losses (b,) and what an objective may look at, for the rows `batch` of the fit's data."""
        raise NotImplementedError

    def start_fit(
        self,
        data: dict[str, Tensor],
        settings: FitSettings,
        seed: int,
        objective: Objective,
        schedule: Schedule,
        optimizer_state: dict[str, Any] | None,
    ) -> None:
        """Take what one fit needs; called by the runner."""
        self._data, self._settings, self._seed = data, settings, seed
        self._objective: Objective | None = objective
        self._schedule: Schedule | None = schedule
        self._optimizer_state = optimizer_state
        self._losses: list[float] = []

    def end_fit(self) -> list[float]:
        """Let go of the fit's data and optimizer; return the loss of every step."""
        losses = self._losses
        self._data, self._optimizer_state, self._objective, self._schedule, self._losses = {}, None, None, None, []
        self.trainer = None
        self.zero_grad(set_to_none=True)
        self.eval()
        return losses

    def losses_so_far(self) -> list[float]:
        """Return the loss of every step of this fit until now."""
        return list(self._losses)

    def training_step(self, batch: tuple[int, Any], batch_idx: int) -> Tensor:
        """Run step `batch[0]` on the rows `batch[1]`."""
        step, rows = int(batch[0]), torch.as_tensor(batch[1])
        # All noise and dropout of a step hang on (seed, step), so a cut run can go on bit for bit.
        torch.manual_seed(derive(self._seed, "noise", step))
        chosen = {name: values[rows].to(self.device) for name, values in self._data.items()}
        losses, context = self.losses(chosen, self._settings)
        assert self._objective is not None
        loss = self._objective(
            losses, {"weights": chosen["weights"], "rows": rows, "step": step, "module": self, **context}
        )
        value = float(loss.detach())
        if not torch.isfinite(loss.detach()):
            raise NonFiniteLoss(step)
        self._losses.append(value)
        return loss

    def configure_optimizers(self) -> dict[str, Any]:
        """Return a fresh AdamW over what is trainable, and its schedule."""
        trainable = [p for p in self.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            trainable, lr=self._settings.learning_rate, weight_decay=self._settings.weight_decay, fused=True
        )
        schedule = self._schedule
        assert schedule is not None
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule(step))
        if self._optimizer_state is not None:
            optimizer.load_state_dict(self._optimizer_state["optimizer"])
            scheduler.load_state_dict(self._optimizer_state["scheduler"])
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
