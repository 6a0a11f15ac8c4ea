"""What a class does, as one digest: its syntax and that of all it uses, wherever that lies and however it is laid out.

Comments, docstrings, annotations, formatting, the names of files and the order of definitions enter nothing. What the
class uses is followed name by name, through what it inherits from and what it imports: definitions of its author's
modules, and of the project's parts (`PARTS`). The engine that runs it and libraries are not followed; the first has
versions of its own, the second are pinned and recorded.

Of an author's modules more counts, since nobody can be asked to write them so that this can be followed: statements
that define no name (a loop that sets attributes, a patch of another module), conditions around definitions, whole
modules that are handed on as values or imported by a text. An author's package may be installed beside the libraries:
what imports this project is no library.
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
INSTALLED = {"site-packages", "dist-packages"}
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
    home = authors_package(module)
    waiting: list[Place] = [(module, name if name in _Module.of(module).definitions else None)]
    texts: dict[Place, str] = {}
    states: dict[str, State] = {}
    while waiting:
        place = waiting.pop()
        if place not in texts:
            if followed(place[0], home):
                states.setdefault(place[0], _state(module_file(place[0])))
            texts[place], uses = _read(place, home)
            waiting.extend(uses)
    return digest(sorted({text for text in texts.values() if text})), states


def shipped(class_path: str) -> bool:
    """Whether a class is one of this project's own."""
    return class_path.partition(".")[0] in PROJECT


def authors_package(module: str) -> str:
    """Return the package that a module belongs to where it lies among libraries and imports this project; else ""."""
    top, file = module.partition(".")[0], module_file(module)
    if file is None or shipped(module) or followed(module):
        return ""
    return top if any(shipped(origin) for origin in _Module.of(module).modules) else ""


def _read(place: Place, home: str) -> tuple[str, list[Place]]:
    """Return the text of a definition and the places that it uses; "" for a name stands for statements without one."""
    module, name = place
    if not followed(module, home):
        return f"{module}:{name}" if not shipped(module) else "", []
    source = _Module.of(module)
    if name is None:
        return "", [(module, own) for own in source.definitions]
    if name in source.definitions or name == "":
        nodes = source.definitions[name] if name else source.loose
        used = {n.id for node in nodes for n in _walk(node) if isinstance(n, ast.Name)}
        places = [place for own in used for place in source.place(own, nodes, home)]
        if source.authored:
            by_text = [(own, None) for own in _imported_by_text(nodes)]
            aside = [(own, "") for own in (module, *source.modules)]
            places += [(own, part) for own, part in (*by_text, *aside) if not shipped(own) and followed(own, home)]
        return text_digest("\n".join(map(_shape, nodes))) if nodes else "", places
    if name in source.imports:  # handed on from elsewhere
        return "", source.imports[name]
    return "", [(f"{module}.{name}", None)] if module_file(f"{module}.{name}") else []


def is_library(file: Path) -> bool:
    """Whether a file was installed, into this environment or another that Python also looks into."""
    file = file.resolve()
    return not INSTALLED.isdisjoint(file.parts) or any(file.is_relative_to(folder) for folder in LIBRARIES)


@lru_cache(maxsize=1024)
def followed(module: str, home: str = "") -> bool:
    """Whether what a module defines is part of what a class that uses it does; `home` is a package that always is."""
    if home and module.partition(".")[0] == home:
        return module_file(module) is not None
    if shipped(module):
        inside = any(module == part or module.startswith(f"{part}.") for part in PARTS)
        return inside and module not in CONTRACTS and module_file(module) is not None
    if (top := module_file(module.partition(".")[0])) is not None and is_library(top):
        return False  # to look for a module imports what it lies in: no library is looked into
    file = module_file(module)
    return file is not None and not is_library(file)


class _Module:
    """The definitions of a module, by name, and where its imported names come from."""

    def __init__(self, module: str, file: Path):
        tree = parse(file)
        self.module = module
        self.authored = not shipped(module)
        self.definitions: dict[str, list[ast.AST]] = {}
        self.loose: list[ast.AST] = []  # what defines no name of this module and may change what its names do
        for node in _top(_run(tree.body) if self.authored else tree.body):
            names = _named(node, self.authored)
            for name in names:
                self.definitions.setdefault(name, []).append(node)
            if self.authored and not names and not _idle(node):
                self.loose.append(node)
        self.loose += _conditions(_run(tree.body)) if self.authored else []
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        self.imports: dict[str, list[Place]] = {}
        self.modules: dict[str, None] = {}  # that are imported, in order
        self.everything: list[str] = []  # modules whose names are imported with a star
        for found in ast.walk(tree):
            if isinstance(found, ast.Import):
                for alias in found.names:
                    known = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._bring(alias.asname or known, (known, None))
                    self.modules[alias.name] = None
            elif isinstance(found, ast.ImportFrom):
                origin = importlib.util.resolve_name("." * found.level + (found.module or ""), package or None)
                for alias in found.names:
                    if alias.name == "*":
                        self.everything.append(origin)
                    else:
                        self._bring(alias.asname or alias.name, (origin, alias.name))
                        if self.authored and not shipped(origin) and _is_package(origin):
                            self.modules[f"{origin}.{alias.name}"] = None  # where that is a module
                    self.modules[origin] = None

    def _bring(self, name: str, place: Place) -> None:
        """Note where an imported name comes from: of an author's name that two functions import, both places."""
        self.imports[name] = [*(self.imports.get(name, []) if self.authored else []), place]

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

    def place(self, name: str, nodes: list[ast.AST], home: str) -> Iterator[Place]:
        """Yield where a name that some nodes use is defined; of a module that is used by name, what is taken of it."""
        if name in self.definitions:
            yield self.module, name
        if name not in self.definitions or self.authored:
            for origin, inner in self.imports.get(name, ()):
                yield from self._taken(name, origin, inner, nodes, home)
        if name not in self.definitions and name not in self.imports:
            yield from ((origin, name) for origin in self.everything if followed(origin, home))

    def _taken(self, name: str, origin: str, inner: str | None, nodes: list[ast.AST], home: str) -> Iterator[Place]:
        if inner is None:
            inside = [n for node in nodes for n in _walk(node) if isinstance(n, ast.Attribute)]
            of_it = [n for n in inside if isinstance(n.value, ast.Name) and n.value.id == name]
            all_uses = sum(isinstance(n, ast.Name) and n.id == name for node in nodes for n in _walk(node))
            if self.authored and all_uses > len(of_it) and followed(origin, home) and not shipped(origin):
                yield origin, None  # handed on: any part of it may be used
            yield from ((origin, attribute) for attribute in sorted({n.attr for n in of_it}))
        else:
            yield origin, inner


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


def _named(node: ast.stmt, bound: bool = False) -> list[str]:
    """Return the names that a statement defines; `bound`: no name whose attribute or item it sets, nor a loop's."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if bound and isinstance(node, (ast.For, ast.AsyncFor)):
        return []
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    names = [n for target in targets if target is not None for n in ast.walk(target) if isinstance(n, ast.Name)]
    return [n.id for n in names if not bound or isinstance(n.ctx, ast.Store)]


def _run(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements that an import of a module runs: not those of `if __name__ == "__main__"`."""
    return [node for node in body if not (isinstance(node, ast.If) and "__name__" in ast.dump(node.test))]


def _conditions(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Yield what decides which statements at the top of a module run; type checkers decide nothing."""
    for node in body:
        if isinstance(node, ast.If):
            yield from [] if "TYPE_CHECKING" in ast.dump(node.test) else [node.test]
            yield from _conditions([*node.body, *node.orelse])
        elif isinstance(node, ast.With):
            yield from (item.context_expr for item in node.items)
            yield from _conditions(node.body)


def _is_package(module: str) -> bool:
    """Whether a module is a package, whose names may be modules; to look for one in any other would import that."""
    file = module_file(module) if followed(module.partition(".")[0]) else None
    return file is not None and file.name == "__init__.py"


def _idle(node: ast.stmt) -> bool:
    """Whether a statement at the top of a module does nothing to what it defines: an import, a docstring, a pass."""
    said = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return said or isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass))


def _imported_by_text(nodes: list[ast.AST]) -> set[str]:
    """Return the modules that are imported by a text: `importlib.import_module("helper")`, `__import__("helper")`."""
    calls = (n for node in nodes for n in _walk(node) if isinstance(n, ast.Call) and n.args)
    called = ((getattr(n.func, "attr", getattr(n.func, "id", "")), n.args[0]) for n in calls)
    texts = (given for name, given in called if name in ("import_module", "__import__"))
    return {str(given.value) for given in texts if isinstance(given, ast.Constant)}


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
