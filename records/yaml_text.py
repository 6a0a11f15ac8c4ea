"""The one way that the project reads and writes YAML: what stands there means one thing, or is refused.

Readers of YAML 1.1 and 1.2 take `010`, `1_0`, `1:30`, `no`, `~` or `2024-01-01` for different things. Here a text
without quotes that any of them takes for something else is refused, with its line; what stands in quotes is that text.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import yaml

from records.errors import UsageError, brief

NULLS = ("", "null", "Null", "NULL")
TRUTHS = {text: value for value in (True, False) for text in (str(value), str(value).lower(), str(value).upper())}
WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
#: What is no text to every reader beside those of `yaml`'s own table: octals of 1.2, numbers with zeros before them.
OTHERS = re.compile(r"[-+]?(0o[0-7]+|0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?)")
QUOTES = "put it in quotes"
WORDS = ("yes", "no", "on", "off")
#: More nodes than any file of a study has, aliases written out; a few lines of aliases can stand for billions.
MOST_NODES, DEEPEST = 100_000, 60


def read_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping.

    Raises:
        UsageError: One sentence that names the file, the line, what was found and what is allowed.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not valid YAML (byte {error.start} is no UTF-8); allowed: text in UTF-8") from error
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror})") from error
    data = parse_yaml(text, str(file))
    if not isinstance(data, dict):
        found = "nothing" if data is None else f"a {type(data).__name__}"
        raise UsageError(f"{file}: found {found}; allowed: a mapping of keys to values")
    return data


def parse_yaml(text: str, where: str) -> Any:
    """Return what a text in YAML says: mappings, lists, texts, finite numbers, true, false and null.

    Raises:
        UsageError: One sentence that begins with `where`.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        hint = "; a text with a colon in it belongs in quotes" if "mapping values" in str(error.problem) else ""
        said = f"{error.problem}" if "expected a single document" not in str(error) else "a second document begins"
        raise UsageError(f"{where}: not valid YAML ({line}{' '.join(said.split())}){hint}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"{where}: not valid YAML ({brief(' '.join(str(error).split()))})") from error
    return None if node is None else _Reader(where).value(node, "", 0)


def yaml_text(data: Any) -> str:
    """Return plain data as YAML that `parse_yaml` reads as the very same."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False)


def _meant(text: str) -> tuple[Any, str]:
    """Return what a text without quotes stands for, and "" or what to do where that is in doubt."""
    if text in NULLS:
        return None, ""
    if text in TRUTHS:
        return TRUTHS[text], ""
    if WHOLE.fullmatch(text):
        fits = len(text) < 20 and abs(int(text)) < 2**63
        return (int(text), "") if fits else (text, f"{QUOTES}, or write a number below 2 to the 63")
    if NUMBER.fullmatch(text):
        number = float(text)
        lost = number == 0 and re.search("[1-9]", re.split("[eE]", text)[0]) is not None
        return number, f"{QUOTES}, or write a number that is not lost" if lost or not math.isfinite(number) else ""
    tags = [tag for tag, known in yaml.SafeLoader.yaml_implicit_resolvers.get(text[0], ()) if known.match(text)]
    if text == "~":
        return text, f"{QUOTES}, or write null"
    if text.lower() in WORDS:
        return text, f"{QUOTES}, or write true or false"
    if tags and tags[0].rpartition(":")[2] in ("timestamp", "value", "merge"):
        return text, QUOTES
    return text, f"{QUOTES}, or write a plain number such as 8 or 1e-4" if tags or OTHERS.fullmatch(text) else ""


class _Reader:
    """Values of nodes, with a bound on how many and how deep."""

    def __init__(self, where: str):
        self.where = where
        self.nodes = 0

    def value(self, node: yaml.Node, key: str, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > MOST_NODES or depth > DEEPEST:
            what = f"values nested deeper than {DEEPEST}" if depth > DEEPEST else f"more than {MOST_NODES:,} values"
            raise self.error(node, f"found {what}, anchors written out; allowed: fewer")
        if node.tag not in _KINDS:
            raise self.error(node, f"{key and f'{key}: '}found the tag {node.tag}; allowed: none (a text: in quotes)")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, key, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(part, f"{key}[{i}]", depth + 1) for i, part in enumerate(node.value)]
        if node.tag == "quoted":
            return node.value
        value, doubt = _meant(node.value)
        if doubt:
            found = f"{key and f'{key}: '}found {brief(node.value)} without quotes, not valid YAML here"
            raise self.error(node, f"{found} since readers of YAML differ on it; {doubt}")
        return value

    def mapping(self, node: yaml.MappingNode, within: str, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        below: dict[str, Any] = {}
        merges = 0
        for key_node, node_of in node.value:
            if key_node.tag == "plain" and key_node.value == "<<":
                merges += 1
                for part in reversed(self.merged(node_of, merges)):
                    below.update(self.mapping(part, within, depth + 1))
                continue
            key = self.key(key_node)
            if key in own:
                raise self.error(key_node, f"key {brief(key)!r} stands twice; allowed: once")
            own[key] = self.value(node_of, f"{within}.{key}" if within else key, depth + 1)
        return {**below, **own}

    def merged(self, node: yaml.Node, merges: int) -> list[yaml.MappingNode]:
        parts: list[yaml.Node] = node.value if isinstance(node, yaml.SequenceNode) else [node]
        mappings = [part for part in parts if isinstance(part, yaml.MappingNode)]
        if merges > 1 or len(mappings) < len(parts):
            raise self.error(node, "key << is no plain text; put it in quotes, or give it the alias of a mapping, once")
        return mappings

    def key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _KINDS:
            raise self.error(node, "found a key that is no plain text; allowed: a word, or a text in quotes")
        value, doubt = (node.value, "") if node.tag == "quoted" else _meant(node.value)
        if not isinstance(value, str) or doubt:
            raise self.error(node, f"key {brief(node.value)} is no plain text; {QUOTES}, or write another word")
        return value

    def error(self, node: yaml.Node, said: str) -> UsageError:
        return UsageError(f"{self.where}: line {node.start_mark.line + 1}: {said}")


#: What `_Loader.resolve` calls nodes without a tag of their own.
_KINDS = ("plain", "quoted", "collection")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Composes nodes; what a scalar means is said by `_meant` alone."""

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: Any) -> str:
        if kind is not yaml.ScalarNode:
            return "collection"
        return "plain" if implicit[0] else "quoted"


class _Dumper(yaml.SafeDumper):
    """Puts a text in quotes wherever it would be read as anything else."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    plain = text not in NULLS and _meant(text) == (text, "")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)
_Dumper.add_representer(tuple, lambda dumper, data: dumper.represent_list(list(data)))
