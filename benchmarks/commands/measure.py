"""The command `measure`: a set of captions and pictures as it lies, without any loop."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.commands.streams import tell
from records.errors import UsageError, naming
from records.files import write_text

if TYPE_CHECKING:
    from benchmarks.measuring.attributes import Attributes
    from benchmarks.measuring.damage import Damage
    from benchmarks.measuring.looking import Judge
    from benchmarks.measuring.measure import Compared, Measured, Reference
    from datamodules.layouts import OpenSet

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
    command.add_argument("--previous", type=Path, metavar="SET", help="the release before, to compare with as well")
    command.add_argument(
        "--judge",
        action="append",
        metavar="NAME",
        help="who looks: embedded (default), minilm, efficientnet, none, a folder",
    )
    command.add_argument("--attributes", metavar="FILE", help="a list of what captions and pictures are read for")
    command.add_argument(
        "--layout", default="auto", help="how the set lies on the disk (default: found by what lies there)"
    )
    command.add_argument("--column", action="append", default=[], metavar="KEY=NAME", help="which column is what")
    command.add_argument("--against-layout", default="auto", metavar="LAYOUT", help="the same of the real items")
    command.add_argument("--against-column", action="append", default=[], metavar="KEY=NAME", help="the same of those")
    command.add_argument("--out", type=Path, default=Path("measured"), help="folder of measure.html, .md and .json")
    command.add_argument("--most", type=int, default=None, help="items that are measured (default 2,000)")
    command.add_argument("--seed", type=int, default=0, help="of the samples")
    command.add_argument(
        "--damage", nargs="?", const="damage", metavar="SUITE",
        help="fit the bases of a suite on the set and on as many real pairs, and compare (default: drawn scenes)",
    )  # fmt: skip
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of stores and results, for --damage")
    command.add_argument("--workers", type=int, help="processes, for --damage (default: one a core)")
    command.add_argument("--baseline", type=Path, metavar="FILE", help="a measure.json of before, to compare with")
    command.add_argument("--fail-on", choices=("worse",), help="exit with 1 where something is worse")
    command.set_defaults(run=measure)


def measure(options: argparse.Namespace) -> int:
    """Say what a set of captions and pictures has lost, beside as many real ones; nothing is trained or downloaded."""
    from benchmarks.measuring.report import page, screen, sentences
    from benchmarks.reporting.pages.measured import measured_page
    from datamodules.layouts import open_set
    from leaderboard.text import json_number

    if options.overrides:
        raise UsageError(f"measure: found {' '.join(options.overrides)}; allowed: the options that --help lists")
    asked = _asked(options)
    if len(options.set) > 1:
        return _series(options, asked)
    then = None if options.baseline is None else _read(options.baseline)
    found = open_set(options.set[0], options.layout, asked.columns)
    before = None if options.previous is None else open_set(options.previous, options.layout, asked.columns)
    real = asked.look(_against(options, asked))
    result = asked.measure(found, real)
    compared = {}
    if then is not None:
        with naming(str(options.baseline)):
            compared["the baseline"] = asked.beside(found, result, real, then)
    if before is not None:
        earlier = asked.measure(before, real, result.measured)
        compared[str(before.path)] = asked.beside(found, result, real, earlier.document())

    def written(done: Sequence[Damage] = ()) -> str:
        damaged = [{name: json_number(value) for name, value in asdict(one).items()} for one in done]
        document = {**result.document(), "damage": damaged}
        _write(options.out, page(result, compared, done), document)
        drawn = _draw(options, measured_page, document, sentences(result, compared, done))
        return screen(result, options.out, drawn, compared, done)

    shown = written()
    if options.damage is not None:  # it may take hours: no error in it takes the rest away
        try:
            shown = written(_damage(options, asked, result, real))
        except BaseException:
            tell(shown, end="")
            raise
    tell(shown, end="")
    bad = [line for one in compared.values() for line in one.worse] if compared else result.worse
    told = all(one.lines for one in compared.values()) if compared else result.told_apart
    return _exit(options, bool(bad), told)


def _exit(options: argparse.Namespace, bad: bool, told: bool) -> int:
    """Return the exit code; a check that could compare nothing has not been passed."""
    if not options.fail_on:
        return 0
    if not bad and not told:
        raise UsageError(
            "--fail-on worse: found nothing that could be compared; allowed: with --against, --baseline or "
            "--previous, of enough items and as many on either side"
        )
    return EXIT_WORSE if bad else 0


def _damage(options: argparse.Namespace, asked: _Asked, found: Measured, real: Reference | None) -> list[Damage]:
    """Fit models on a set and on real pairs."""
    from benchmarks.measuring.damage import Pairs, damage
    from benchmarks.reporting.reporter import make_reporter

    own = Pairs(options.set[0], options.layout, asked.columns, found.pairs, found.digest)
    other = (
        None
        if real is None
        else Pairs(options.against, options.against_layout, asked.real_columns, real.pairs, real.read.digest)
    )
    return damage(own, other, options.damage, options.runs, options.out / "damage", options.workers, make_reporter())


@dataclass(frozen=True)
class _Asked:
    """What sets are measured with."""

    columns: dict[str, str]
    real_columns: dict[str, str]
    judges: Sequence[Judge]
    attributes: Attributes
    spoken: Attributes
    most: int
    seed: int

    def look(self, real: OpenSet | None) -> Reference | None:
        """Look at real items, where there are any."""
        from benchmarks.measuring.measure import look_at_real

        return None if real is None else look_at_real(real, self.judges, self.most, self.seed)

    def measure(self, found: OpenSet, real: Reference | None, most: int | None = None) -> Measured:
        """Measure one set, of at most so many items."""
        from benchmarks.measuring.measure import measure as measured

        return measured(found, real, self.judges, most or self.most, self.seed, self.attributes, self.spoken)

    def beside(self, found: OpenSet, now: Measured, real: Reference | None, then: Any) -> Compared:
        """Compare a set with an earlier document; where that is of fewer items, as many of this set are measured."""
        from benchmarks.measuring.measure import alike, beside

        compared = beside(now, then)
        fewer = then["measured"]
        if fewer < now.measured and not alike(fewer, now.measured):
            return beside(self.measure(found, real, fewer), then)
        return compared


def _asked(options: argparse.Namespace) -> _Asked:
    """Read the options and load the judges; what is wrong is said before a set is read."""
    from benchmarks.measuring.judges import EMBEDDED, NONE, find_judge
    from benchmarks.measuring.looking import load_judges
    from benchmarks.measuring.sample import MOST
    from benchmarks.study.loading import SUITES, find_file, load_suite, read
    from benchmarks.study.testbed import AttributeList

    most = MOST if options.most is None else options.most
    if most < 1:
        raise UsageError(f"--most: found {most}; allowed: 1 or more")
    columns, real_columns = (dict(map(_pair, texts)) for texts in (options.column, options.against_column))
    if options.against is None and (real_columns or options.against_layout != "auto"):
        raise UsageError("--against-layout, --against-column: found no --against; allowed: with it")
    attributes: Attributes = {}
    spoken: Attributes = {}
    if options.attributes is not None:
        file = find_file(options.attributes, Path(), "--attributes", SUITES / "attributes")
        listed = read(AttributeList, file)
        attributes, spoken = listed.attributes, listed.words
    names = list(dict.fromkeys(options.judge or [EMBEDDED]))
    if NONE in names and len(names) > 1:
        raise UsageError(f"--judge: found {' and '.join(names)}; allowed: {NONE} alone, or others")
    found = [find_judge(name) for name in names if name != NONE]
    if options.damage is not None:
        load_suite(options.damage)  # what is wrong with it is said before a set is read
    return _Asked(columns, real_columns, load_judges(found), attributes, spoken, most, options.seed)


def _against(options: argparse.Namespace, asked: _Asked) -> OpenSet | None:
    """Open the real items, where there are any; what has to be said of how they lie has other names than of the set."""
    from datamodules.layouts import open_set

    if options.against is None:
        return None
    try:
        return open_set(options.against, options.against_layout, asked.real_columns)
    except UsageError as error:
        said = str(error).replace("--layout", "--against-layout").replace("--column", "--against-column")
        raise UsageError(said) from error


def _series(options: argparse.Namespace, asked: _Asked) -> int:
    """Measure several sets beside real items, or all but the first one beside that."""
    from benchmarks.measuring import series
    from benchmarks.measuring.measure import SCHEMA
    from benchmarks.reporting.pages.measured import series_page
    from datamodules.layouts import open_set

    for key in ("baseline", "previous", "damage"):
        if getattr(options, key) is not None:
            raise UsageError(f"--{key}: found beside {len(options.set)} sets; allowed: with one set")
    sets = [open_set(path, options.layout, asked.columns) for path in options.set]
    against = _against(options, asked)
    against, later = (sets[0], sets[1:]) if against is None else (against, sets)
    real = asked.look(against)
    results = [asked.measure(found, real) for found in later]
    document = {"schema": SCHEMA, "sets": [result.document() for result in results]}
    _write(options.out, series.page(results), document)
    drawn = _draw(options, series_page, document, series.sentences(results))
    tell(series.screen(results, options.out, drawn), end="")
    return _exit(options, bool(results[-1].worse), results[-1].told_apart)


def _write(folder: Path, page: str, document: dict[str, Any]) -> None:
    write_text(folder / "measure.md", page)
    write_text(folder / "measure.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _draw(
    options: argparse.Namespace, draw: Callable[..., str], document: dict[str, Any], said: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Write the page and return the files that are there; one that cannot be drawn is one note."""
    from benchmarks.measuring.report import NOTE

    try:
        text = draw(document, said, NOTE, _command(options))
    except Exception as error:  # no number waits for a page
        tell(f"note: there is no page ({type(error).__name__}: {error})"[:300], sys.stderr)
        return FILES
    write_text(options.out / PAGE, text)
    return (("page", PAGE), *FILES)


def _command(options: argparse.Namespace) -> str:
    """Return the command that measures the same again."""
    usual = {"layout": "auto", "against-layout": "auto", "seed": 0}
    words = ["mmcollapse", "measure", *map(str, options.set)]
    for key in ("against", "against-layout", "against-column", "previous", "judge", "attributes", "layout", "column",
                "most", "seed", "damage", "baseline"):  # fmt: skip
        value = getattr(options, key.replace("-", "_"))
        for one in value if isinstance(value, list) else [value]:
            words += [] if one in (None, usual.get(key)) else [f"--{key}", str(one)]
    return shlex.join(words)


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
