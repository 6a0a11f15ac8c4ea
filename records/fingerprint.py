"""What a class does, as one digest: its syntax and that of all it uses, wherever that lies and however it is laid out.

Comments, docstrings, annotations, formatting, the names of files and the order of definitions enter nothing. What the
class uses is followed name by name, through what it inherits from and what it imports: definitions of its author's
modules, and of the project's parts (`PARTS`). The engine that runs it and libraries are not followed; the first has
versions of its own, the second are pinned and recorded.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from records.canonical import digest, text_digest
from records.sources import module_file, parse

#: Packages of this project: what they ship is identified by name and version.
PROJECT = ("benchmarks", "datamodules", "leaderboard", "lightning_modules", "records")
#: Packages of this project whose definitions are part of what a class that uses them does.
PARTS = ("benchmarks.analytic", "benchmarks.metrics", "benchmarks.mitigations", "datamodules", "lightning_modules")
#: Contracts that every method, data set and metric shares: what they mean is the engine's.
CONTRACTS = ("datamodules.pairs",)

_SILENT = {"annotation", "ctx", "kind", "returns", "type_comment", "type_params"}
#: Where Python and what was installed lie: code that its author does not write here.
LIBRARIES = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib"))
#: A name of a module, or a whole module where the name is None.
Place = tuple[str, str | None]


def fingerprint(class_path: str) -> str:
    """Return the digest of what ``package.module.Class`` does; with what is around it where that is no top-level class.

    Raises:
        UsageError: A file that it uses is not valid Python.
    """
    known = _known.get(class_path)
    if known is None or any(_state(module_file(module)) != state for module, state in known[1].items()):
        known = _known[class_path] = _followed_from(class_path)
    return known[0]


#: What tells whether a file was edited, replaced or removed.
State = tuple[str | int, ...]
#: Class path -> its digest, and the modules that it was made from with the states of their files then.
_known: dict[str, tuple[str, dict[str, State]]] = {}


def _state(file: Path | None) -> State:
    try:
        found = os.stat(file or "")
    except OSError:  # removed
        return ()
    return str(file), found.st_mtime_ns, found.st_size, found.st_ino


def _followed_from(class_path: str) -> tuple[str, dict[str, State]]:
    module, _, name = class_path.rpartition(".")
    while module_file(module) is None and module:  # a class within a function
        module, _, name = module.rpartition(".")
    waiting: list[Place] = [(module, name if name in _Module.of(module).definitions else None)]
    texts: dict[Place, str] = {}
    states: dict[str, State] = {}
    while waiting:
        place = waiting.pop()
        if place not in texts:
            if followed(place[0]):
                states.setdefault(place[0], _state(module_file(place[0])))
            texts[place], uses = _read(place)
            waiting.extend(uses)
    return digest(sorted({text for text in texts.values() if text})), states


def shipped(class_path: str) -> bool:
    """Whether a class is one of this project's own."""
    return class_path.partition(".")[0] in PROJECT


def _read(place: Place) -> tuple[str, list[Place]]:
    """Return the text of a definition and the places that it uses."""
    module, name = place
    if not followed(module):
        return f"{module}:{name}" if not shipped(module) else "", []
    source = _Module.of(module)
    if name is None:
        return "", [(module, own) for own in source.definitions]
    if name in source.definitions:
        nodes = source.definitions[name]
        used = {n.id for node in nodes for n in _walk(node) if isinstance(n, ast.Name)}
        return text_digest("\n".join(map(_shape, nodes))), [place for own in used for place in source.place(own, nodes)]
    if name in source.imports:  # handed on from elsewhere
        return "", [source.imports[name]]
    return "", [(f"{module}.{name}", None)] if module_file(f"{module}.{name}") else []


@lru_cache(maxsize=1024)
def followed(module: str) -> bool:
    """Whether what a module defines is part of what a class that uses it does."""
    if shipped(module):
        inside = any(module == part or module.startswith(f"{part}.") for part in PARTS)
        return inside and module not in CONTRACTS and module_file(module) is not None
    top = module_file(
        module.partition(".")[0]
    )  # to look for a module imports what it lies in: no library is looked into
    if top is not None and any(top.resolve().is_relative_to(folder) for folder in LIBRARIES):
        return False
    file = module_file(module)
    return file is not None and not any(file.resolve().is_relative_to(folder) for folder in LIBRARIES)


class _Module:
    """The definitions of a module, by name, and where its imported names come from."""

    def __init__(self, module: str, file: Path):
        tree = parse(file)
        self.module = module
        self.definitions: dict[str, list[ast.AST]] = {}
        for node in _top(tree.body):
            for name in _named(node):
                self.definitions.setdefault(name, []).append(node)
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        self.imports: dict[str, Place] = {}
        self.everything: list[str] = []  # modules whose names are imported with a star
        for found in ast.walk(tree):
            if isinstance(found, ast.Import):
                for alias in found.names:
                    known = alias.name if alias.asname else alias.name.partition(".")[0]
                    self.imports[alias.asname or known] = (known, None)
            elif isinstance(found, ast.ImportFrom):
                origin = importlib.util.resolve_name("." * found.level + (found.module or ""), package or None)
                for alias in found.names:
                    if alias.name == "*":
                        self.everything.append(origin)
                    else:
                        self.imports[alias.asname or alias.name] = (origin, alias.name)

    @staticmethod
    def of(module: str) -> _Module:
        """Return a module as its file is now."""
        file = module_file(module)
        assert file is not None, f"{module} has no source file"
        return _Module._kept(module, file, _state(file))

    @staticmethod
    @lru_cache(maxsize=512)
    def _kept(module: str, file: Path, state: State) -> _Module:
        return _Module(module, file)

    def place(self, name: str, nodes: list[ast.AST]) -> Iterator[Place]:
        """Yield where a name that some nodes use is defined; of a module that is used by name, what is taken of it."""
        if name in self.definitions:
            yield self.module, name
        elif name in self.imports:
            origin, inner = self.imports[name]
            if inner is None:
                inside = (n for node in nodes for n in _walk(node) if isinstance(n, ast.Attribute))
                taken = {n.attr for n in inside if isinstance(n.value, ast.Name) and n.value.id == name}
                yield from ((origin, attribute) for attribute in sorted(taken))
            else:
                yield origin, inner
        else:
            yield from ((origin, name) for origin in self.everything if followed(origin))


def _top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those under a condition too."""
    for node in body:
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            for part in ("body", "orelse", "finalbody"):
                yield from _top(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                yield from _top(handler.body)
        else:
            yield node


def _named(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [n.id for target in targets if target is not None for n in ast.walk(target) if isinstance(n, ast.Name)]


def _children(node: ast.AST) -> Iterator[tuple[str, list[object]]]:
    """Yield what a node holds and what of it counts: no annotations, docstrings, imports, nor what is empty."""
    for field, value in ast.iter_fields(node):
        items = value if isinstance(value, list) else [value]
        if field == "body" and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            items = items[1:] if ast.get_docstring(node, clean=False) is not None else items
        items = [i for i in items if not isinstance(i, (ast.Import, ast.ImportFrom))]
        if field not in _SILENT and items and items != [None]:
            yield field, items


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for _, items in _children(node):
        for item in items:
            if isinstance(item, ast.AST):
                yield from _walk(item)


def _shape(node: object) -> str:
    """Return a node as text that is the same under every Python; `ast.dump` and `ast.unparse` are not."""
    if not isinstance(node, ast.AST):
        return repr(node)
    held = ",".join(f"{field}=[{';'.join(map(_shape, items))}]" for field, items in _children(node))
    return f"{type(node).__name__}({held})"
