"""A checkpoint for which a disk has no room: said as such, and nothing of it left."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks.storage.full_disk import full_disk
from lightning_modules.fitting.callbacks import Checkpoint


class Full(io.FileIO):
    """A file of which the disk takes a kilobyte."""

    def write(self, content: Any) -> int:
        if self.tell() + len(content) > 1024:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(content)


def test_a_full_disk_fails_a_checkpoint_in_the_systems_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, module = tmp_path / "state.pt", torch.nn.Linear(64, 64)
    trainer = SimpleNamespace(optimizers=[torch.optim.SGD(module.parameters())],
                              lr_scheduler_configs=[SimpleNamespace(scheduler=SimpleNamespace(state_dict=dict))])  # fmt: skip
    learning = SimpleNamespace(losses_so_far=list, state_dict=module.state_dict)
    Checkpoint(file, None, seconds=0).on_train_batch_end(trainer, learning, None, [4], 4)
    usual = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, mode="r", *more, **options: (
            Full(self, mode) if self.suffix == ".part" else usual(self, mode, *more, **options)
        )
    )  # fmt: skip
    with pytest.raises(OSError, match="No space left on device") as error:
        Checkpoint(file, None, seconds=0).on_train_batch_end(trainer, learning, None, [5], 5)
    monkeypatch.undo()
    assert error.value.errno == errno.ENOSPC
    assert Path(error.value.filename).parent == tmp_path
    assert full_disk(error.value)
    assert [found.name for found in tmp_path.iterdir()] == ["state.pt"]
    assert Checkpoint(file, None).read(torch.nn.Linear(64, 64)).step == 5, "of the one before"


@pytest.mark.skipif(os.name != "posix", reason="a limit of files")
def test_a_full_disk_is_known_in_the_words_of_torch(tmp_path: Path) -> None:
    """Of a file that may have no more bytes torch says what it says of one for which there is no room."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(RuntimeError) as error:
            torch.save({"weight": torch.zeros(10**6)}, tmp_path / "state.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert full_disk(error.value)
    assert not full_disk(RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: not enough memory"))
