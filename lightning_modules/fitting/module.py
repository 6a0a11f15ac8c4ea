"""What every trainable model here shares: losses per sample, and the bookkeeping of one fit."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from lightning_modules import memory
from lightning_modules.fitting import across, gradients
from lightning_modules.fitting.contracts import NonFiniteLoss, Objective, Schedule
from lightning_modules.fitting.devices import device
from lightning_modules.fitting.objectives import weighted_mean
from lightning_modules.seeds import derive
from lightning_modules.settings import Execution, FitSettings, Lora
from lightning_modules.weights.adapter_contents import PEFT, Layout
from lightning_modules.weights.sources import Origin


class FitModule(LightningModule):
    """A LightningModule whose training step is: losses per sample, then one objective over them.

    Attributes:
        alone: whether the loss of a sample does not depend on the others of its batch, so that a batch can be split.
        execution: how this machine goes about a fit; changes no number beyond rounding.
        origin: where the weights were loaded from, as long as they are still those.
        lora: the adapter on the trained network, its targets spelled out; None = there is none.
        loaded_as: what frozen weights are held in, "float32" or "bfloat16"; trained ones are float32.
    """

    alone: ClassVar[bool] = True
    execution: Execution = Execution()
    origin: Origin | None = None
    lora: Lora | None = None
    loaded_as: str = "float32"

    def __init__(self) -> None:
        """Take the steps of the optimizer into this module's own hands: it adds up gradients over pieces."""
        super().__init__()
        self.automatic_optimization = False

    @property
    def compiles(self) -> bool:
        """Return whether sampling is to be compiled: where the execution says so, and never on a CPU."""
        return self.execution.compile and device().type == "cuda"

    @property
    def merges(self) -> bool:
        """Return whether adapters are added to the weights for sampling: as the execution says, never on a CPU."""
        return self.lora is not None and self.execution.merge_adapters and device().type == "cuda"

    def trained_part(self) -> nn.Module:
        """Return the network that a fit changes, which adapters are put on."""
        raise ValueError(f"{type(self).__name__} takes no adapter; allowed: a captioner or a generator")

    @property
    def adapter_layout(self) -> Layout:
        """Return how an adapter on this model is saved, so that the library it is of reads it."""
        return PEFT

    def draw(self, batch: dict[str, Tensor], settings: FitSettings) -> dict[str, Tensor]:
        """Return the random numbers of a step, a row a sample: drawn for the whole batch, before it is split."""
        return {}

    def losses(self, batch: dict[str, Tensor], settings: FitSettings) -> tuple[Tensor, dict[str, Any]]:
        """Return losses (b,) and what an objective may look at, for rows of the fit's data and of `draw`."""
        raise NotImplementedError

    def distance_from(self, context: dict[str, Any], other: dict[str, Any]) -> Tensor:
        """Return how far predictions are from another model's for the same rows, (b,), given both contexts."""
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
        self._micro = self.execution.micro_batch
        if self._micro and not self.alone:
            raise ValueError(f"a batch of {type(self).__name__} cannot be split: set execution micro_batch to 0")

    def end_fit(self) -> list[float]:
        """Let go of the fit's data and optimizer; return the loss of every step."""
        losses = self._losses
        self._data, self._optimizer_state, self._objective, self._schedule, self._losses = {}, None, None, None, []
        self.trainer: Any = None
        self.zero_grad(set_to_none=True)
        self.eval()
        return losses

    def losses_so_far(self) -> list[float]:
        """Return the loss of every step of this fit until now."""
        return list(self._losses)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Leave a batch where it is: it holds row numbers of data that stay in the processor's memory."""
        return batch

    def training_step(self, batch: tuple[int, Any], batch_idx: int) -> Tensor:
        """Run step `batch[0]` on the rows `batch[1]`."""
        step, rows = int(batch[0]), torch.as_tensor(batch[1])
        optimizer = self.optimizers()
        while True:
            optimizer.zero_grad(set_to_none=True)
            loss = self._tried(step, rows)
            if loss is not None:
                break
            memory.release()  # not before: until here the failed try held on to its tensors
        value = float(loss)
        if not math.isfinite(value):
            raise NonFiniteLoss(step)
        if self._settings.gradient_clip:
            # By hand: Lightning refuses to clip for a fused optimizer in bfloat16, where gradients are not scaled.
            nn.utils.clip_grad_norm_([p for p in self.parameters() if p.requires_grad], self._settings.gradient_clip)
        optimizer.step()
        self.lr_schedulers().step()
        self._losses.append(value)
        return loss

    def _tried(self, step: int, rows: Tensor) -> Tensor | None:
        """Add up the gradients of a step; None where there is no memory for it, and it is to be tried in halves."""
        try:
            found = self._add_gradients(step, rows)
        except Exception as error:
            if not memory.is_full(error) or not self._halve(len(rows)):
                raise
            return None
        if found is None and not self._halve(len(rows)):
            raise torch.OutOfMemoryError("no memory for one sample a device")
        if found is not None and self.trainer.world_size > 1:
            gradients.summed([p for p in self.parameters() if p.requires_grad])
        return found

    def _halve(self, rows: int) -> bool:
        """Make the next try with half as many samples at once; False where one is already too many."""
        at_once = min(self._micro or rows, -(-rows // self.trainer.world_size))
        if at_once == 1 or not self.alone:
            return False
        self._micro = -(-at_once // 2)
        memory.note("fit", self._micro)
        return True

    def _add_gradients(self, step: int, rows: Tensor) -> Tensor | None:
        # All noise and dropout of a step hang on (seed, step), so a cut run can go on bit for bit.
        torch.manual_seed(derive(self._seed, "noise", step))
        chosen = {name: values[rows].to(self.device) for name, values in self._data.items()}
        chosen |= self.draw(chosen, self._settings)
        shared = {"weights": chosen["weights"], "rows": rows, "step": step, "module": self, "batch": chosen}
        wanted = self._objective
        assert wanted is not None

        def objective(losses: Tensor, context: dict[str, Any]) -> Tensor:
            return wanted(losses, {**shared, **context})

        n, world = len(rows), self.trainer.world_size
        if world == 1 and not 0 < self._micro < n:
            return gradients.whole(lambda _: self.losses(chosen, self._settings), objective, n)

        def losses(part: Tensor) -> tuple[Tensor, dict[str, Any]]:
            return self.losses({name: values[part] for name, values in chosen.items()}, self._settings)

        micro, rank = self._micro or n, self.trainer.global_rank
        if world > 1 and wanted is not weighted_mean:
            return across.pieces(losses, objective, n, micro, rank, world, self.device)
        linear = chosen["weights"] if wanted is weighted_mean else None
        return gradients.pieces(losses, objective, n, micro, linear, rank, world)

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
