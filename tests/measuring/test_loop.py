"""Sets that a loop trained on, generation after generation: what is gone goes red, and what is not does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.commands.main import main
from benchmarks.measuring.example import put
from benchmarks.planning.planner import make_plan
from benchmarks.running.study import run_study
from benchmarks.steps import Captions
from benchmarks.storage.store import LocalStore
from datamodules.pairs import Pairs

N, MADE_BY = 512, (0, 3, 5)  # pairs a set; the iterations whose captioners wrote them


def write(folder: Path, pairs: Pairs) -> Path:
    """Write pairs as an image folder."""
    folder.mkdir()
    lines = []
    for i, (pixels, caption) in enumerate(zip(pairs.images, pairs.captions, strict=True)):
        Image.fromarray(np.asarray(pixels)).save(folder / f"{i}.png")
        lines.append(json.dumps({"file_name": f"{i}.png", "text": caption}))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return folder


@pytest.mark.slow
def test_captions_of_a_captioner_on_its_own_output(tmp_path: Path, capsys: Any) -> None:
    words = ["--seeds=[0]", "--iterations=6", "--scenarios=[{file: single_model_captioner}]", "--retain.pools=true"]
    plan = make_plan("board", words)
    cells = plan.select(key for row in plan.rows if row.mitigation == "none" for key in row.keys)
    assert not run_study(plan, tmp_path / "runs", workers=0, cells=cells, mirror=False).failed
    (cell,) = cells.values()
    pools = {s.t: k for k in cell.needs if isinstance(s := plan.steps[k], Captions)}
    store = LocalStore(tmp_path / "runs" / "store")
    sets = [write(tmp_path / f"gen-{t}", store.get(pools[t + 1])) for t in MADE_BY]
    real = put(tmp_path / "real", np.random.default_rng(0).permutation(20_000)[: 2 * N])
    out = tmp_path / "out"
    assert main(["measure", *map(str, sets), "--against", str(real), "--out", str(out)]) == 0
    document = json.loads((out / "measure.json").read_text())
    worse = [{line["name"] for line in one["lines"] if line["word"] == "worse"} for one in document["sets"]]
    aligned = [
        line["value"] for one in document["sets"] for line in one["lines"] if line["name"] == "alignment@embedded"
    ]
    said = capsys.readouterr().out
    assert worse[0] == set(), "the base captions as people do"
    assert worse[1] == {"alignment@embedded"}, "captions say what is not there, in as many words"
    assert worse[2] == {"alignment@embedded", "copies"}, "and the same more often"
    assert aligned[0] > aligned[1] > aligned[2]
    assert "alignment@embedded of pairs from gen-3 on" in " ".join(said.split())
    assert "copies of captions from gen-5 on" in " ".join(said.split())
