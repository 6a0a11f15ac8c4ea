"""A folder that behaves as a bucket does: whole objects, made exclusively. For trying things out without a cloud."""

from __future__ import annotations

import os
import shutil
import uuid
from typing import Any

from fsspec.implementations.local import LocalFileSystem


class BucketFolder(LocalFileSystem):
    """What fsspec writes in place is written aside here, and appears at once."""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Write an object; with `mode="create"` only where there is none."""
        aside = self._aside(path)
        try:
            with open(aside, "xb") as stream:
                stream.write(value)
            if mode == "create":
                os.link(aside, path)  # which fails where there is one
            else:
                os.replace(aside, path)
        finally:
            if os.path.exists(aside):
                os.unlink(aside)

    def put_file(self, path1: str, path2: str, *_: Any, **__: Any) -> None:
        """Write a file as an object."""
        aside = self._aside(path2)
        shutil.copyfile(path1, aside)
        os.replace(aside, path2)

    def _aside(self, path: str) -> str:
        folder, name = os.path.split(path)
        os.makedirs(folder, exist_ok=True)
        return f"{folder}/.{name[:40]}.{uuid.uuid4().hex}"
