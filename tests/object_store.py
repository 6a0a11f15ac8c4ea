"""An object store as fsspec shows one, in memory: whole objects, conditional writes, no folders; it fails when told to."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
from fsspec.spec import AbstractFileSystem


class World:
    """What one store holds, and what is wrong with it.

    Attributes:
        objects: By their whole names.
        exclusive: "yes", "ignored" as by old servers, or "refused".
        fails: Is asked before every request, with what is done and to which object; what it returns is raised.
        asked: How often what was done.
    """

    def __init__(self, exclusive: str = "yes") -> None:
        self.objects: dict[str, bytes] = {}
        self.exclusive, self.lock = exclusive, threading.Lock()
        self.fails: Callable[[str, str], Exception | None] = lambda what, path: None
        self.asked: Counter[str] = Counter()

    def gone(self) -> None:
        """Answer nothing any more."""
        self.fails = lambda what, path: ConnectionError("no route to host")

    def back(self) -> None:
        """Answer again."""
        self.fails = lambda what, path: None


class ObjectStore(AbstractFileSystem):
    """The file system of a world; by `objects://` all have the one of the class."""

    protocol = "objects"
    world = World()

    def __init__(self, world: World | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.mine = world or type(self).world

    def _request(self, what: str, path: str) -> None:
        self.mine.asked[what] += 1
        error = self.mine.fails(what, path)
        if error is not None:
            raise error

    def _object(self, path: str) -> bytes:
        try:
            return self.mine.objects[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    def cat_file(self, path: str, *_: Any, **__: Any) -> bytes:
        self._request("read", path)
        return self._object(path)

    def get_file(self, rpath: str, lpath: str, *_: Any, **__: Any) -> None:
        self._request("fetch", rpath)
        Path(lpath).write_bytes(self._object(rpath))

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        self._request("info", path)
        return {"name": path, "size": len(self._object(path)), "type": "file"}

    def find(self, path: str, *_: Any, **__: Any) -> list[str]:
        self._request("list", path)
        return sorted(name for name in self.mine.objects if name.startswith(f"{path}/"))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        self._request("create" if mode == "create" else "write", path)
        if mode == "create" and self.mine.exclusive == "refused":
            raise NotImplementedError("A header you provided implies functionality that is not implemented")
        with self.mine.lock:
            if mode == "create" and self.mine.exclusive == "yes" and path in self.mine.objects:
                raise FileExistsError(path)
            self.mine.objects[path] = bytes(value)

    def put_file(self, lpath: str, rpath: str, *_: Any, **__: Any) -> None:
        self._request("send", rpath)
        content = Path(lpath).read_bytes()
        self._request("sent", rpath)  # an upload that is cut leaves nothing
        self.mine.objects[rpath] = content

    def rm_file(self, path: str) -> None:
        self._request("remove", path)
        self.mine.objects.pop(path, None)


def register(exclusive: str = "yes") -> World:
    """Have `objects://` lead to a new world, and return it."""
    fsspec.register_implementation("objects", ObjectStore, clobber=True)
    ObjectStore.world = World(exclusive)
    return ObjectStore.world
