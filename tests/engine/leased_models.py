"""A generator whose fits take a while and say which accelerators they had, and when."""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.analytic.models import GaussianGenerator
from lightning_modules.settings import Execution


class Leasing(GaussianGenerator):
    """Notes every fit and generation in the folder `LEASES`."""

    name: ClassVar[str] = "leasing"
    execution: Execution = Execution()
    batch_size = 64

    def fit_pairs(self, *inputs: Any, **options: Any) -> Any:
        from lightning_modules.fitting import devices

        with _noted("fit"), devices.shown():
            _note["seen"] = os.environ.get("CUDA_VISIBLE_DEVICES", "")
            _note["count"] = devices.count(self.execution)
            return super().fit_pairs(*inputs, **options)

    def generate(self, *inputs: Any, **options: Any) -> Any:
        with _noted("draw"):
            _note["seen"] = os.environ.get("CUDA_VISIBLE_DEVICES", "")
            return super().generate(*inputs, **options)


_note: dict[str, Any] = {}


class _noted:
    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __enter__(self) -> None:
        _note.clear()
        _note.update(kind=self.kind, start=time.time())
        time.sleep(0.15)

    def __exit__(self, *_: object) -> None:
        file = Path(os.environ["LEASES"]) / f"{uuid.uuid4().hex}.json"
        file.write_text(json.dumps({**_note, "stop": time.time()}))
