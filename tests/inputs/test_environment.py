"""The environment is not ours: clusters, terminals, homes, quotas and working folders change no number and end no run."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.commands import streams
from benchmarks.commands.main import main
from benchmarks.reporting.reporter import Bars, Lines
from benchmarks.running import leases, machine
from benchmarks.running.worker import explain
from lightning_modules.fitting import devices, runner
from lightning_modules.fitting.module import FitModule
from lightning_modules.settings import Execution, FitSettings
from records.place import ROOT
from records.printable import printable
from tests.engine.conftest import write_suite

#: What the variables of each kind of cluster say to a process in the middle of a job.
CLUSTERS = {
    "slurm": {"SLURM_NTASKS": "8", "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "sweep", "SLURM_PROCID": "3",
              "SLURM_LOCALID": "3", "SLURM_NODEID": "1", "SLURM_NTASKS_PER_NODE": "4"},
    "torchrun": {"TORCHELASTIC_RUN_ID": "x", "RANK": "3", "LOCAL_RANK": "3", "WORLD_SIZE": "8", "GROUP_RANK": "1"},
    "lsf": {"LSB_JOBID": "7", "LSB_DJOB_RANKFILE": "/nowhere", "JSM_NAMESPACE_LOCAL_RANK": "3",
            "JSM_NAMESPACE_SIZE": "8"},
    "kubeflow": {"KUBERNETES_PORT": "tcp://127.0.0.1:443", "MASTER_ADDR": "10.0.0.9", "MASTER_PORT": "1",
                 "WORLD_SIZE": "8", "RANK": "3"},
    "mpi": {"OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_RANK": "3", "PMI_RANK": "3", "PMI_SIZE": "8"},
    "by hand": {"NODE_RANK": "first", "LOCAL_RANK": "second", "WORLD_SIZE": "many"},
}  # fmt: skip


class Line(FitModule):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def losses(self, batch: Any, settings: Any) -> Any:
        return (self.weight * batch["x"] - 2 * batch["x"]).square(), {}


def fitted() -> float:
    module, x = Line(), torch.arange(6, dtype=torch.float32)
    runner.fit(module, {"x": x, "weights": torch.ones(6)}, FitSettings(3, 1e-1, 3), 0)
    return module.weight.item()


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_fit_is_the_same_under_every_cluster(cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = fitted()
    monkeypatch.chdir(tmp_path)
    for name, value in CLUSTERS[cluster].items():
        monkeypatch.setenv(name, value)
    (tmp_path / "hpc_ckpt_1.ckpt").write_bytes(b"another model's")
    assert fitted() == plain
    assert [p.name for p in tmp_path.iterdir()] == ["hpc_ckpt_1.ckpt"]


def test_only_a_fit_on_several_machines_is_part_of_a_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CLUSTERS["torchrun"].items():
        monkeypatch.setenv(name, value)
    assert not devices.inside(Execution(devices=2))
    assert devices.inside(Execution(nodes=2))


@pytest.mark.parametrize(
    ("files", "affinity", "expected"),
    [
        ({"cpu.max": "200000 100000"}, 8, 2),
        ({"cpu.max": "50000 100000"}, 8, 1),
        ({"cpu.max": "max 100000"}, 8, 8),
        ({"cpu.max": "noise"}, 8, 8),
        ({"cpu.cfs_quota_us": "300000", "cpu.cfs_period_us": "100000"}, 8, 3),
        ({"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, 8, 8),
        ({}, 3, 3),
    ],
)
def test_processors_are_those_that_one_may_use(
    files: dict[str, str], affinity: int, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(machine, "CGROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(affinity)), raising=False)
    assert machine.processors() == expected


def test_processors_are_counted_where_there_is_no_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CGROUPS", tmp_path)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert machine.processors() == 5
    (tmp_path / "memory.max").write_text("4096")
    assert machine.memory() == 4096


@pytest.mark.parametrize(
    ("said", "make"),
    [
        (
            "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 207\n"
            "model name\t: Intel(R) Xeon(R) Platinum 8581C CPU @ 2.10GHz\ncpu MHz\t\t: 2100.0\n\n"
            "processor\t: 1\nmodel name\t: another\n",
            "Intel Xeon Platinum 8581C CPU 6 207 ",
        ),
        ("processor\t: 0\nBogoMIPS\t: 2000.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd4f\n", "0x41 0xd4f "),
        ("", ""),
        (None, ""),
    ],
)
def test_the_make_of_a_processor_is_known_where_the_system_tells(said: str | None, make: str, tmp_path: Path) -> None:
    if said is not None:
        (tmp_path / "cpuinfo").write_text(said)
    assert machine.processor(tmp_path / "cpuinfo") == (make and make + torch.backends.cpu.get_cpu_capability())


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_every_text_is_printed_on_every_terminal(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(raw, encoding=encoding))
    monkeypatch.setattr(sys, "warnoptions", [])
    streams.prepare()
    text = "±0.1 ↑ 猫 \ud800 é [/data/coco"
    streams.tell(text)
    Lines().say(text)
    assert raw.getvalue().count(b"[/data/coco") == 2


def test_a_reader_that_has_gone_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    there, here = os.pipe()
    os.close(there)
    with os.fdopen(here, "w") as gone:
        monkeypatch.setattr(sys, "stderr", gone)
        Lines().say("nobody reads this")
        streams.tell("nor this", gone)
        streams.tell("which goes nowhere now", gone)


@pytest.mark.parametrize("message", ["[/data/coco", "[red]x[/blue]", "[/]", "\\[", "[link=a](b)"])
def test_brackets_of_an_error_are_shown_as_they_are(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Named:
        key, kind, label = "a" * 64, "fit", f"scenario {message}"

    monkeypatch.setenv("COLUMNS", "9")
    raw = io.StringIO()
    monkeypatch.setattr(sys, "stderr", raw)
    bars, step = Bars(), Named()
    bars.note("before it starts")
    bars.start([step], 1)  # type: ignore[list-item]
    bars.progress(step.key, 1, 2)
    bars.step(step, None, message)  # type: ignore[arg-type]
    bars.note(message)
    bars.stop()
    assert message in raw.getvalue().replace("\n", "")


def test_a_warning_is_no_error_for_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    import warnings

    monkeypatch.setattr(sys, "warnoptions", ["error"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        streams.prepare()
        warnings.warn("of a library", DeprecationWarning, stacklevel=1)


def test_closed_visible_devices_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert leases.accelerators() == ()


#: All at once: a cluster, a terminal, a shell and a container that agree on nothing with us.
HOSTILE = {
    **CLUSTERS["slurm"], **CLUSTERS["torchrun"], **CLUSTERS["mpi"],
    "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "COLUMNS": "3",
    "PYTHONWARNINGS": "error", "PYTHONHASHSEED": "77", "PYTHONOPTIMIZE": "2", "TZ": "Pacific/Kiritimati",
    "NO_COLOR": "1", "TERM": "dumb", "CUDA_VISIBLE_DEVICES": "", "TMPDIR": "/nowhere/tmp", "HOME": "/nowhere/home",
    "XDG_CACHE_HOME": "/proc/none", "HF_HOME": "/proc/none", "MPLCONFIGDIR": "/proc/none",
    "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9",
    "MLFLOW_TRACKING_URI": "bolt://me:secret@nowhere/[/data/coco", "MLFLOW_RUN_ID": "1", "MLFLOW_EXPERIMENT_ID": "9",
}  # fmt: skip


def results(runs: Path) -> dict[str, str]:
    from records.results import read_results

    return {key: result.stable_json() for key, result in read_results(runs / "small" / "results").items()}


@pytest.mark.slow
def test_a_run_in_a_hostile_environment_leaves_the_same_results(tmp_path: Path) -> None:
    """From another folder, with a name that is no ASCII, relative paths, and standard output closed."""
    elsewhere = tmp_path / "my täst folder"
    write_suite(elsewhere, seeds=[0])
    (elsewhere / "hpc_ckpt_1.ckpt").write_text("x")
    command = [sys.executable, "-m", "benchmarks", "run", "small.yaml", "--workers", "1", "--runs"]
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "SYSTEMROOT")} | {"PYTHONPATH": str(ROOT)}
    for runs, more, environment in (
        ("plain", ["--no-mirror"], {"HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}),
        ("höstile", [], HOSTILE),
    ):
        done = subprocess.run(
            ["/bin/sh", "-c", 'exec "$@" >&-' if more == [] else 'exec "$@"', "sh", *command, runs, *more],
            cwd=elsewhere, env={**kept, **environment}, capture_output=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    printed = done.stderr.decode(errors="replace")
    assert printed.count("note: MLflow has no copy") == 1
    assert "secret" not in printed
    assert "Traceback" not in printed
    assert results(elsewhere / "plain") == results(elsewhere / "höstile") != {}
    assert (elsewhere / "höstile" / "small" / "leaderboard.md").is_file()


ORDERS = "\x1b[2Ja\x1b]8;;http://x\x07\x9b1m\u202eb\rc\x00"


@pytest.mark.parametrize("show", ["tell", "lines", "bars", "error"])
def test_no_text_steers_a_terminal(show: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.StringIO()
    monkeypatch.setattr(sys, "stderr", raw)
    monkeypatch.setenv("COLUMNS", "200")
    if show == "tell":
        streams.tell(f"{ORDERS}\tand\n", sys.stderr)
        assert raw.getvalue().endswith("\tand\n\n")
    elif show == "lines":
        Lines().note(ORDERS)
    elif show == "error":
        raw.write(explain(ValueError(ORDERS)))
    else:
        bars = Bars()
        bars.start([], 0)
        raw.truncate(0)
        bars.note(ORDERS)
        bars.stop()
    assert "a" in raw.getvalue()
    assert not set(raw.getvalue()) & set("\x1b\x07\x9b\u202e\x00\r")


def test_what_is_no_order_is_shown_as_it_is() -> None:
    text = "é 猫 👩\u200d🔬 ±\n\t[red] =1+1"
    assert printable(text) == text


@pytest.mark.parametrize(
    "words",
    [
        ["suites"],
        ["--help"],
        ["plan", "smoke"],
        ["plan", "smoke", "--format", "json"],
        ["table", "smoke", "--runs={0}", "--boards={0}"],
    ],
    ids=" ".join,
)
def test_a_pipe_that_is_closed_is_no_error(words: list[str], tmp_path: Path) -> None:
    """As in `mmcollapse table smoke | head -1`."""
    there, here = os.pipe()
    os.close(there)
    command = [sys.executable, "-m", "benchmarks", *(word.format(tmp_path) for word in words)]
    done = subprocess.run(command, cwd=ROOT, stdout=here, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(here)
    assert done.returncode == 0
    assert not [line for line in done.stderr.splitlines() if not line.startswith("wrote ")]


WANDERING = """
import os
from benchmarks.methods.hooks import Mitigation
{top}

class Wandering(Mitigation):
    reads = {{"curate": ("new", "real")}}

    def __init__(self):
        {init}

    def applies(self, scenario):
        {applies}
        return True

    def curate(self, ctx):
        {curate}
        return ctx.real[-1].take(range(len(ctx.new)))
"""


@pytest.mark.parametrize("place", ["top", "init", "applies", "curate"])
def test_a_method_that_goes_to_another_folder(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    parts = dict.fromkeys(("top", "init", "applies", "curate"), "pass") | {place: f"os.chdir({str(elsewhere)!r})"}
    (tmp_path / f"wandering_{place}.py").write_text(WANDERING.format(**parts))
    write_suite(tmp_path, seeds=[0], iterations=1)
    monkeypatch.chdir(tmp_path)
    words = ["run", "small.yaml", "--method", f"wandering_{place}.py:Wandering", "--workers", "0", "--no-mirror"]
    assert main(words) == 0
    assert Path.cwd() == tmp_path
    assert (tmp_path / "runs" / "small" / "results").is_dir()
    assert not list(elsewhere.iterdir())
