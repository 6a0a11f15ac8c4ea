"""What stands on a page beside the board: claims, scenarios, how it was made, films and captions of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.reporting.pages.claims import ClaimView
    from benchmarks.reporting.pages.film import Films
    from benchmarks.reporting.pages.topology import Topology


@dataclass(frozen=True)
class Extras:
    """What is known beside a board; what is not is left out.

    Attributes:
        kind: "board" or "report".
        claims: Verdicts of the suite's claims.
        topologies: The scenario variants.
        films: Pictures and captions of the run's rows.
        command: What makes the page again.
        digest: Of the suite; "" where no plan is at hand.
        settings: The suite with every default filled in, as YAML.
        versions: Package -> version, of the results.
    """

    kind: str = "board"
    claims: tuple[ClaimView, ...] = ()
    topologies: tuple[Topology, ...] = ()
    films: Films | None = None
    command: str = ""
    digest: str = ""
    settings: str = ""
    versions: dict[str, str] = field(default_factory=dict)
