"""A bucket: what is asked of an object store, what is said where it does not answer, and leases in it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.storage.alive import Run, tell
from benchmarks.storage.bucket import PATIENCE, Bucket, Unreachable, open_bucket
from benchmarks.storage.bucket_turns import PERIOD, BucketMarks, BucketTurns
from benchmarks.storage.store import LocalStore
from benchmarks.storage.turns import Turns
from records.errors import MOST, UsageError
from tests.engine.test_turns import Clock, raced
from tests.object_store import ObjectStore, World, register

KEY, OTHER = "ab" + "0" * 62, "cd" + "1" * 62


class Told(Bucket):
    """A bucket whose time passes where it waits."""

    def __init__(self, world: World, **how: Any) -> None:
        self.time, self.waits = Clock(), list[float]()
        super().__init__(
            ObjectStore(world, skip_instance_cache=True), "b/prefix", "objects://b/prefix", sleep=self.wait, clock=self.time, **how
        )  # fmt: skip

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time.now += seconds


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def bucket(world: World) -> Told:
    return Told(world)


def test_objects_come_back_and_what_is_not_there_is_none(bucket: Told, world: World, tmp_path: Path) -> None:
    bucket.write("a/b", b"x")
    (tmp_path / "file").write_bytes(b"yy")
    bucket.send(tmp_path / "file", "a/c")
    assert bucket.read("a/b") == b"x"
    assert bucket.size("a/c") == 2
    assert bucket.fetch("a/c", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"yy"
    assert set(world.objects) == {"b/prefix/a/b", "b/prefix/a/c"}
    world.objects["b/prefix/ab/d"] = world.objects["b/other/a/e"] = b""
    assert bucket.names("a") == ["b", "c"]
    bucket.remove("a/b")
    bucket.remove("a/b")
    assert bucket.read("a/b") is bucket.size("a/b") is None
    assert not bucket.fetch("a/b", tmp_path / "none")
    assert bucket.names("nothing") == []


def test_a_request_that_fails_is_made_again(bucket: Told, world: World) -> None:
    left = [ConnectionError("reset"), TimeoutError(), OSError(errno.EBUSY, "slow down")]
    world.fails = lambda what, path: left.pop() if left else None
    bucket.write("a", b"x")
    assert bucket.read("a") == b"x"
    assert bucket.waits == [1.0, 2.0, 4.0]


def test_what_fails_for_long_is_said_in_a_sentence_and_then_at_once(
    bucket: Told, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame-open")
    world.fails = lambda what, path: ConnectionError(f"sesame-open at http://me:word@host/ {'x' * 900}")
    with pytest.raises(Unreachable, match=r"^bucket objects://b/prefix does not answer \(ConnectionError: ") as error:
        bucket.read("a")
    assert "the same command goes on" in str(error.value)
    assert "sesame" not in str(error.value)
    assert "word" not in str(error.value)
    assert len(str(error.value)) < MOST
    assert 0.5 * PATIENCE < sum(bucket.waits) <= PATIENCE
    waited = len(bucket.waits)
    with pytest.raises(Unreachable):
        bucket.write("a", b"")
    assert len(bucket.waits) == waited, "nobody waits twice for what is down"
    world.back()
    assert bucket.read("a") is None
    world.gone()
    with pytest.raises(Unreachable):
        bucket.read("a")
    assert len(bucket.waits) > waited, "it was up again"


def test_a_refusal_is_not_asked_again(bucket: Told, world: World) -> None:
    world.fails = lambda what, path: PermissionError("Forbidden")
    with pytest.raises(Unreachable, match="PermissionError: Forbidden"):
        bucket.write("a", b"")
    assert bucket.waits == []


def test_a_bucket_that_is_not_there_is_no_missing_object(bucket: Told, world: World) -> None:
    world.fails = lambda what, path: FileNotFoundError("The specified bucket does not exist")
    assert bucket.read("a") is None
    with pytest.raises(Unreachable, match="bucket does not exist"):
        bucket.write("a", b"")
    with pytest.raises(UsageError, match=r"--bucket objects://b/prefix: cannot be used \(FileNotFoundError: The spec"):
        bucket.require_usable()


def test_a_disk_of_this_machine_that_is_full_is_not_the_buckets_fault(bucket: Told, world: World) -> None:
    world.fails = lambda what, path: OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        bucket.read("a")
    assert bucket.waits == []


@pytest.mark.parametrize("what", ["read", "write", "list", "remove"])
def test_what_a_run_needs_is_asked_for_before_anything_runs(what: str, bucket: Told, world: World) -> None:
    bucket.require_usable()
    assert bucket.exclusive
    assert world.objects == {}
    world.fails = lambda asked, path: PermissionError("Forbidden") if asked == what else None
    with pytest.raises(UsageError, match=r"cannot be used \(PermissionError: Forbidden\); allowed: one that answers"):
        bucket.require_usable()
    assert bucket.waits == [], "nobody waits before a run"


@pytest.mark.parametrize("exclusive", ["ignored", "refused"])
def test_a_store_without_exclusive_writes_is_found_out(exclusive: str) -> None:
    bucket = Told(World(exclusive))
    bucket.require_usable()
    assert not bucket.exclusive
    assert bucket.create("a", b"mine")
    assert not bucket.create("a", b"yours")
    assert bucket.read("a") == b"mine"


def test_of_two_that_write_at_once_without_exclusive_writes_the_last_alone_has_it() -> None:
    world = World("ignored")
    one, two = Told(world), Told(world)
    one.exclusive = two.exclusive = False
    plain = one.write

    def slow(path: str, content: bytes) -> None:
        plain(path, content)
        two.write(path, b"two")

    one.write = slow  # type: ignore[method-assign]
    assert not one.create("a", b"one")
    assert two.read("a") == b"two"


def test_a_precondition_that_a_server_does_not_name_is_one_that_failed(bucket: Told, world: World) -> None:
    bucket.write("a", b"")
    world.fails = lambda what, path: OSError(errno.EINVAL, "Precondition Failed") if what == "create" else None
    assert not bucket.create("a", b"")
    with pytest.raises(Unreachable):
        bucket.create("b", b"")


ADDRESSES = {
    "name/prefix": "allowed: an address such as s3://name/prefix",
    "s3://": "allowed: an address such as s3://name/prefix",
    "s3:///": "allowed: an address such as s3://name/prefix",
    "simplecache::s3://name": "allowed: an address such as s3://name/prefix",
    "s4://name": "cannot be opened (ValueError: Protocol not known: s4)",
    "": "allowed: an address such as s3://name/prefix",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError) as error:
        open_bucket(address)
    assert ADDRESSES[address] in str(error.value)


@pytest.mark.parametrize(
    ("address", "need"), [("s3://name/x", "pip install 'mmcollapse[s3]'"), ("gs://name/x", "pip install 'gcsfs'")]
)
def test_a_package_that_is_missing_is_named(address: str, need: str, monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = address.partition(":")[0]
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, protocol, raising=False)
    for name in ("s3fs", "gcsfs"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError) as error:
        open_bucket(address)
    assert str(error.value) == f"--bucket {address}: a package is missing that reaches {protocol}://; {need}"


def test_no_secret_of_an_address_is_repeated(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        open_bucket("s4://me:sesame@name/prefix")
    assert "sesame" not in str(error.value)


@pytest.mark.parametrize("address", ["file://{}", "memory://{}"])
def test_other_stores_of_fsspec_do(address: str, tmp_path: Path) -> None:
    bucket = open_bucket(address.format(tmp_path / "bucket"))
    bucket.require_usable()
    assert bucket.exclusive
    assert bucket.create("a/b", b"1")
    assert not bucket.create("a/b", b"2")
    bucket.write("a/b", b"3")
    (tmp_path / "file").write_bytes(b"4")
    bucket.send(tmp_path / "file", "c/d")
    assert bucket.read("a/b") == b"3"
    assert bucket.fetch("c/d", tmp_path / "back")
    assert (bucket.names("a"), bucket.names("c"), bucket.names("probes")) == (["b"], ["d"], [])
    bucket.remove("a/b")
    assert bucket.read("a/b") is None


# Leases: what `test_turns` says of those in a folder holds of those in a bucket.


class Machine:
    """A run on another machine, with a folder and a clock of its own; the test gives its signs of life."""

    def __init__(self, folder: Path, world: World, work: str = "w") -> None:
        self.clock, self.beats = Clock(), 0
        here = Turns(LocalStore(folder / f"machine-{id(self)}").root, work)
        self.turns = BucketTurns(Told(world), work, here, clock=self.clock)
        self.turns.run = replace(self.turns.run, machine=f"elsewhere {id(self)}")
        self.beat()

    def beat(self) -> None:
        self.beats += 1
        self.turns.beat(self.beats)


def test_a_step_is_one_machines_at_a_time(world: World, tmp_path: Path) -> None:
    one, two = Machine(tmp_path, world).turns, Machine(tmp_path, world).turns
    assert one.take(KEY)
    assert one.take(KEY)
    assert not two.take(KEY)
    assert two.held(KEY)
    assert not one.held(KEY)
    assert two.take(OTHER)
    one.release(KEY)
    assert two.take(KEY)
    assert not one.take(KEY)


def test_at_the_end_nothing_is_left_in_the_bucket(world: World, tmp_path: Path) -> None:
    root = LocalStore(tmp_path / "store").root
    with Turns(root, "w") as here, BucketTurns(Told(world), "w", here) as turns:
        assert turns.take(KEY)
        assert set(turns.watch.runs()) == {turns.name}
        assert len(world.objects) == 2
    assert world.objects == {}


def test_a_lease_in_a_bucket_dies_where_its_run_gives_no_sign(world: World, tmp_path: Path) -> None:
    far, near = Machine(tmp_path, world), Machine(tmp_path, world)
    assert far.turns.take(KEY)
    for near.clock.now in (0.0, PERIOD - 1):
        assert not near.turns.take(KEY)
    far.beat()
    for near.clock.now in (PERIOD + 1, 2 * PERIOD):
        assert not near.turns.take(KEY), "it gave a sign"
    near.clock.now = 2 * PERIOD + 2
    assert near.turns.take(KEY)
    far.beat()
    assert far.turns.held(KEY), "who was thought dead finds it taken"
    far.turns.release(KEY)
    assert not far.turns.take(KEY), "the other still has it"


def test_of_all_machines_that_take_over_one_does(world: World, tmp_path: Path) -> None:
    keys = [f"{i:02x}" + "0" * 62 for i in range(50)]
    dead = Machine(tmp_path, world)
    for key in keys:
        assert dead.turns.take(key)
    dead.turns.marks.remove(f"running/{dead.turns.name}")
    runs = [Machine(tmp_path, world).turns for _ in range(4)]
    assert all(len(winners) == 1 for winners in raced(runs, keys).values())


def test_a_bucket_that_does_not_answer_stops_no_lease(world: World, tmp_path: Path) -> None:
    """The step itself will say what is wrong, and nobody waits for ever."""
    run = Machine(tmp_path, world).turns
    world.gone()
    assert run.take(KEY)
    assert not run.held(OTHER)
    assert run.others() == {}
    run.beat(3)
    run.release(KEY)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def test_only_runs_of_the_same_folder_are_strangers(world: World, tmp_path: Path, stack: ExitStack) -> None:
    """A run elsewhere has copies of its own: what is dropped here it does not miss."""
    root = LocalStore(tmp_path / "store").root
    clock = Clock()
    here = stack.enter_context(Turns(root, "w", clock=clock))
    turns = stack.enter_context(BucketTurns(Told(world), "w", here))
    Machine(tmp_path, world, "other work")
    assert turns.others()
    assert not turns.strangers
    stack.enter_context(Turns(root, "other work"))
    clock.now += here.period
    assert turns.strangers


def test_names_of_a_bucket_that_no_run_has_are_no_runs(world: World) -> None:
    marks = BucketMarks(Told(world))
    tell(marks, "a1", Run.here("w"), 0)
    for name in ("../x", "b/c", ".hidden", ""):
        world.objects[f"b/prefix/leases/running/{name}"] = b"{}"
    assert marks.names("running") == ["a1"]


def test_an_address_is_opened_by_its_protocol() -> None:
    world = register()
    open_bucket("objects://name/some/prefix/").write("a", b"1")
    assert world.objects == {"name/some/prefix/a": b"1"}
