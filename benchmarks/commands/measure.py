"""The command `measure`: a set of captions and pictures as it lies, without any loop."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.commands.streams import tell
from records.errors import UsageError, naming
from records.files import write_text

EXIT_WORSE = 1
#: What the command leaves.
FILES = (("answer", "measure.md, measure.json"),)
PAGE = "measure.html"


def add_measure_command(commands: Any) -> None:
    """Add the command to the parser of `benchmarks.commands.main`."""
    command = commands.add_parser("measure", help=(measure.__doc__ or " ").splitlines()[0], allow_abbrev=False)
    command.add_argument(
        "set", type=Path, nargs="+", help="a folder or file with captions, pictures or both; several are a series"
    )
    command.add_argument("--against", type=Path, metavar="REAL", help="real items, of any layout, to compare with")
    command.add_argument(
        "--layout", default="auto", help="how the set lies on the disk (default: found by what lies there)"
    )
    command.add_argument("--column", action="append", default=[], metavar="KEY=NAME", help="which column is what")
    command.add_argument("--out", type=Path, default=Path("measured"), help="folder of measure.html, .md and .json")
    command.add_argument("--most", type=int, default=None, help="items that are measured (default 2,000)")
    command.add_argument("--seed", type=int, default=0, help="of the samples")
    command.add_argument("--baseline", type=Path, metavar="FILE", help="a measure.json of before, to compare with")
    command.add_argument("--fail-on", choices=("worse",), help="exit with 1 where something is worse")
    command.set_defaults(run=measure)


def measure(options: argparse.Namespace) -> int:
    """Say what a set of captions and pictures has lost, beside as many real ones; nothing is trained or downloaded."""
    from benchmarks.measuring.measure import beside
    from benchmarks.measuring.measure import measure as measured
    from benchmarks.measuring.report import page, screen, sentences
    from benchmarks.measuring.sample import MOST
    from benchmarks.reporting.pages.measured import measured_page
    from datamodules.layouts import open_set

    if options.overrides:
        raise UsageError(f"measure: found {' '.join(options.overrides)}; allowed: the options that --help lists")
    most = MOST if options.most is None else options.most
    if most < 1:
        raise UsageError(f"--most: found {most}; allowed: 1 or more")
    columns = dict(_pair(text) for text in options.column)
    if len(options.set) > 1:
        return _series(options, most, columns)
    then = None if options.baseline is None else _read(options.baseline)
    found = open_set(options.set[0], options.layout, columns)
    real = None if options.against is None else open_set(options.against)
    result = measured(found, real, most, options.seed)
    earlier = None
    if then is not None:
        with naming(str(options.baseline)):
            earlier = beside(result, then)
    document = result.document()
    _write(options.out, page(result, earlier), document)
    drawn = _draw(options, measured_page, document, sentences(result, earlier))
    tell(screen(result, options.out, drawn, earlier), end="")
    bad = result.worse if earlier is None else earlier
    return EXIT_WORSE if options.fail_on and bad else 0


def _series(options: argparse.Namespace, most: int, columns: dict[str, str]) -> int:
    """Measure several sets beside real items, or all but the first one beside that."""
    from benchmarks.measuring import series
    from benchmarks.measuring.measure import SCHEMA
    from benchmarks.measuring.measure import measure as measured
    from benchmarks.reporting.pages.measured import series_page
    from datamodules.layouts import open_set

    if options.baseline is not None:
        raise UsageError(f"--baseline: found beside {len(options.set)} sets; allowed: with one set")
    sets = [open_set(path, options.layout, columns) for path in options.set]
    against, later = (sets[0], sets[1:]) if options.against is None else (open_set(options.against), sets)
    results = [measured(found, against, most, options.seed) for found in later]
    document = {"schema": SCHEMA, "sets": [result.document() for result in results]}
    _write(options.out, series.page(results), document)
    drawn = _draw(options, series_page, document, series.sentences(results))
    tell(series.screen(results, options.out, drawn), end="")
    return EXIT_WORSE if options.fail_on and results[-1].worse else 0


def _write(folder: Path, page: str, document: dict[str, Any]) -> None:
    write_text(folder / "measure.md", page)
    write_text(folder / "measure.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _draw(
    options: argparse.Namespace, draw: Callable[..., str], document: dict[str, Any], sentences: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Write the page and return the files that are there; one that cannot be drawn is one note."""
    from benchmarks.measuring.report import NOTE

    words = ["mmcollapse", "measure", *map(str, options.set)]
    words += [] if options.against is None else ["--against", str(options.against)]
    words += [word for pair in options.column for word in ("--column", pair)]
    words += [] if options.layout == "auto" else ["--layout", options.layout]
    words += [] if options.most is None else ["--most", str(options.most)]
    words += ["--seed", str(options.seed)] if options.seed else []
    try:
        text = draw(document, sentences, NOTE, shlex.join(words))
    except Exception as error:  # no number waits for a page
        tell(f"note: there is no page ({type(error).__name__}: {error})"[:300], sys.stderr)
        return FILES
    write_text(options.out / PAGE, text)
    return (("page", PAGE), *FILES)


def _pair(text: str) -> tuple[str, str]:
    key, equals, name = text.partition("=")
    if not key or not equals or not name:
        raise UsageError(f"--column: found {text!r}; allowed: KEY=NAME, such as caption=text")
    return key, name


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{file}: {getattr(error, 'strerror', None) or error}; allowed: a measure.json of before"
        ) from error
