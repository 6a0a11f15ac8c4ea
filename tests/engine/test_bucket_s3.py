"""The protocol of S3 itself, spoken with a server on this machine by the package that reaches the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.commands.main import main
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running import study
from benchmarks.storage import bucket as buckets
from benchmarks.storage.bucket import Unreachable, open_bucket
from benchmarks.storage.bucket_store import BucketStore
from benchmarks.storage.bucket_turns import BucketTurns
from benchmarks.storage.store import LocalStore, Record
from benchmarks.storage.turns import Turns
from records.errors import UsageError
from records.results import read_results
from tests.engine.conftest import run_in_memory, write_suite
from tests.engine.test_retention import Cut
from tests.engine.test_store import KEY, pairs

pytest.importorskip("s3fs", reason="needs the extra: pip install 'mmcollapse[s3]', or make test-bucket")
pytest.importorskip("moto", reason="needs a server: make test-bucket")
pytestmark = [pytest.mark.s3, pytest.mark.slow]

KEPT = "sesame-open-the-door"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of this machine alone; the address of its protocol."""
    from moto.server import ThreadedMotoServer

    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        made.stop()


@pytest.fixture
def address(server: str, monkeypatch: pytest.MonkeyPatch, request: Any) -> str:
    """An empty bucket, which the environment leads to as it does to a real one."""
    import boto3

    for name, value in (
        ("AWS_ACCESS_KEY_ID", "me"), ("AWS_SECRET_ACCESS_KEY", KEPT), ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", server),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    name = f"bucket-{abs(hash(request.node.name))}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}/some/prefix"


def test_objects_leases_and_listings(address: str, tmp_path: Path) -> None:
    bucket = open_bucket(address)
    bucket.require_usable()
    assert bucket.exclusive, "S3 has conditional writes"
    assert bucket.read("a") is None
    assert bucket.size("a") is None
    assert not bucket.fetch("a", tmp_path / "a")
    assert bucket.names("folder") == []
    assert bucket.create("folder/a", b"1")
    assert not bucket.create("folder/a", b"2")
    assert bucket.read("folder/a") == b"1"
    assert bucket.names("folder") == ["a"]
    open_bucket(address).write("folder/b/c", b"by another")
    assert bucket.names("folder") == ["a", "b/c"], "no listing of before"
    bucket.remove("folder/a")
    bucket.remove("folder/a")
    assert bucket.names("folder") == ["b/c"]
    large = os.urandom(6 * 2**20)
    (tmp_path / "large").write_bytes(large)
    bucket.send(tmp_path / "large", "large")
    assert bucket.size("large") == len(large)
    assert bucket.fetch("large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large


def test_two_runs_of_two_machines_lease_a_step(address: str, tmp_path: Path) -> None:
    def turns(name: str) -> BucketTurns:
        return BucketTurns(open_bucket(address), "w", Turns(LocalStore(tmp_path / name).root, "w"))

    with turns("one") as one, turns("two") as two:
        assert one.take(KEY)
        assert not two.take(KEY)
        assert two.held(KEY)
        assert set(two.others()) == {one.name}
        one.release(KEY)
        assert two.take(KEY)
    assert open_bucket(address).names("leases") == []


def test_an_artifact_goes_from_one_machine_to_another(address: str, tmp_path: Path) -> None:
    one, two = (BucketStore(tmp_path / name, open_bucket(address)) for name in ("one", "two"))
    one.put(Record(KEY, "images"), pairs())
    assert two.done() == {KEY}
    assert np.array_equal(np.asarray(two.get(KEY).images), pairs().images)


def test_a_study_goes_on_elsewhere(address: str, planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan = planned(seeds=[0])
    first = study.run_study(plan, tmp_path / "one", bucket=address, executor=Cut(7), mirror=False)
    again = study.run_study(plan, tmp_path / "two", bucket=address, workers=1, mirror=False)
    assert first.computed + again.computed == len(plan.steps)
    assert not again.failed
    expected, _ = run_in_memory(plan, tmp_path / "alone")
    assert {k: r.stable_json() for k, r in again.results.items()} == {
        k: r.stable_json() for k, r in expected.results.items()
    }


def test_the_command_says_nothing_of_secrets(address: str, tmp_path: Path) -> None:
    file = write_suite(tmp_path, seeds=[0])
    words = ["run", str(file), "--runs", str(tmp_path / "runs"), "--bucket", address, "--workers", "1"]
    done = subprocess.run([sys.executable, "-m", "benchmarks", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert read_results(make_plan(str(file)).results(tmp_path / "runs"))
    for path in (tmp_path / "runs").rglob("*"):
        assert not path.is_file() or KEPT.encode() not in path.read_bytes(), path
    assert KEPT not in done.stdout + done.stderr


def test_a_bucket_that_is_not_there_is_said_in_a_sentence(address: str, tmp_path: Path, capsys: Any) -> None:
    given = ["run", str(write_suite(tmp_path)), "--runs", str(tmp_path / "runs"), "--workers", "0", "--bucket"]
    assert main([*given, "s3://no-such-bucket/prefix"]) == 2
    assert "error: --bucket s3://no-such-bucket/prefix: cannot be used (FileNotFoundError: " in capsys.readouterr().err


def test_a_server_that_does_not_answer_is_said_in_a_sentence(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match=r"cannot be used \(EndpointConnectionError: Could not connect to"):
        open_bucket(address).require_usable()
    monkeypatch.setattr(buckets, "PATIENCE", 0.0)
    with pytest.raises(Unreachable, match="what was made is kept"):
        open_bucket(address).write("a", b"")
