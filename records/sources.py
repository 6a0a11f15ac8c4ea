"""What a ``class_path`` says without importing it: is it there, what does it declare, by what name is it identified.

Planning never imports torch, so metric families, models and data sets are read as text: the module is located with
`importlib.util.find_spec`, parsed with `ast`, and class-level literals are evaluated.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from records.errors import UsageError


@dataclass(frozen=True)
class ClassSource:
    """A class read from its source text."""

    class_path: str
    file: Path
    literals: dict[str, Any]
    name: str  # its own literal `name`, never an inherited one; the class's name where it states none
    parameters: tuple[str, ...] | None  # of __init__, None when inherited or open (**kwargs)
    annotations: dict[str, str]  # of those parameters that have one, as they are written


@cache
def read_class(class_path: str) -> ClassSource:
    """Locate and parse ``package.module.Class`` without importing the module itself.

    Raises:
        UsageError: When the module or the class cannot be found, or its file does not parse.
    """
    module, _, name = class_path.rpartition(".")
    file = module_file(module) if module else None
    if file is None:
        raise UsageError(f"class_path {class_path!r}: module {module!r} was not found on the Python path")
    node = _find_class(file, name)
    if node is None:
        there = class_names(file)
        meant = ", ".join(get_close_matches(name, there, 3, 0.6) or there[:3]) or "one with a class"
        raise UsageError(f"class_path {class_path!r}: {file.name} has no class {name!r}; allowed: {meant}")
    literals = _literals(node)
    own = str(literals.get("name") or name)
    for base in node.bases:  # literals of bases in the same file are inherited
        parent = _find_class(file, base.id) if isinstance(base, ast.Name) else None
        if parent is not None:
            literals = {**_literals(parent), **literals}
    return ClassSource(class_path, file, literals, own, _parameters(node), _annotations(node))


def declared(class_path: str, key: str, default: Any = None) -> Any:
    """Return a class-level literal of a class, or of the first of the project's own models that it inherits from."""
    source = read_class(class_path)
    if key in source.literals:
        return source.literals[key]
    node = _find_class(source.file, class_path.rpartition(".")[2])
    written = [ast.unparse(base).split(".") for base in node.bases] if node else []
    named = {words[0]: "".join(f".{word}" for word in words[1:]) for words in written}  # a class, or its module's
    for item in (i for i in parse(source.file).body if isinstance(i, ast.ImportFrom)):
        if (item.module or "").startswith("lightning_modules"):  # to look for other modules would import their packages
            for alias in (a for a in item.names if (a.asname or a.name) in named):
                return declared(f"{item.module}.{alias.name}{named[alias.asname or alias.name]}", key, default)
    return default


def class_names(file: Path) -> tuple[str, ...]:
    """Return the names of the classes that a file defines at its top level, in order."""
    return tuple(node.name for node in parse(file).body if isinstance(node, ast.ClassDef))


def module_file(module: str) -> Path | None:
    """Return the file of a module, or None; only its parent packages are imported."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def parse(file: Path) -> ast.Module:
    """Return the syntax tree of a file as it is now."""
    found = file.stat()
    return _parsed(file, (found.st_mtime_ns, found.st_size, found.st_ino))


@lru_cache(maxsize=512)
def _parsed(file: Path, state: tuple[int, ...]) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise UsageError(f"{file}: line {error.lineno} is not valid Python ({error.msg})") from error


def _find_class(file: Path, name: str) -> ast.ClassDef | None:
    return next((n for n in parse(file).body if isinstance(n, ast.ClassDef) and n.name == name), None)


def _literals(node: ast.ClassDef) -> dict[str, Any]:
    found = {}
    for item in node.body:
        target, value = None, None
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            target, value = item.target.id, item.value
        elif isinstance(item, ast.Assign) and len(item.targets) == 1 and isinstance(item.targets[0], ast.Name):
            target, value = item.targets[0].id, item.value
        if target is not None and value is not None:
            try:
                found[target] = ast.literal_eval(value)
            except ValueError:
                continue  # not a literal: nothing that planning may rely on
    return found


def _parameters(node: ast.ClassDef) -> tuple[str, ...] | None:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            if item.args.kwarg is not None:
                return None
            return tuple(a.arg for a in [*item.args.args[1:], *item.args.kwonlyargs])
    return None


def _annotations(node: ast.ClassDef) -> dict[str, str]:
    made = (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
    arguments = [a for n in made for a in (*n.args.args, *n.args.kwonlyargs)]
    return {a.arg: ast.unparse(a.annotation) for a in arguments if a.annotation is not None}


def import_class(class_path: str) -> type:
    """Import ``package.module.Class``.

    Raises:
        UsageError: When it cannot be imported, naming the reason.
    """
    module, _, name = class_path.rpartition(".")
    try:
        found = importlib.import_module(module)
    except Exception as error:  # a module may fail in any way of its own
        raise UsageError(f"class_path {class_path!r} cannot be imported: {type(error).__name__}: {error}") from error
    try:
        return getattr(found, name)
    except AttributeError as error:
        there = [key for key, value in vars(found).items() if isinstance(value, type) and value.__module__ == module]
        meant = get_close_matches(name, there, 3, 0.6) or sorted(there)[:3]
        raise UsageError(
            f"class_path {class_path!r} cannot be imported: {module} has no {name!r}; allowed: "
            f"{', '.join(meant) or 'a class of it, and it has none'}"
        ) from error


def add_to_path(folder: Path) -> None:
    """Put a folder on the Python path, so that a method or model beside a YAML file is found."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
