"""A store in a bucket: whole artifacts or none on every machine, equal files once, damage named and made good."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.storage.bucket import Bucket, Unreachable
from benchmarks.storage.bucket_store import BucketStore, open_store
from benchmarks.storage.manifests import sealed
from benchmarks.storage.store import DamagedArtifact, LocalStore, Record
from records.errors import StepError
from tests.engine.test_bucket import Told
from tests.engine.test_store import KEY, OTHER, pairs
from tests.object_store import World

NUMBERS = {"values": {"x": 0.5}, "absent": {}}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def machine(world: World, tmp_path: Path) -> Callable[..., BucketStore]:
    """Return what opens the folder of a machine; by the same name the same one, as another process does."""
    return lambda name="one": BucketStore(tmp_path / name, Told(world))


def blobs(world: World) -> list[str]:
    return [name for name in world.objects if "/blobs/" in name]


def blob_of(world: World, store: BucketStore, key: str, name: str) -> str:
    digest = json.loads((store.folder(key) / "manifest.json").read_text())["files"][name]
    return next(blob for blob in blobs(world) if blob.endswith(digest))


Machine = Callable[..., BucketStore]


@pytest.mark.parametrize("value", [NUMBERS, {"a": np.arange(6.0)}])
def test_what_one_machine_puts_another_gets(value: Any, machine: Machine) -> None:
    machine("one").put(Record(KEY, "metrics", "a label"), value)
    other = machine("two")
    assert other.has(KEY)
    assert not other.here(KEY)
    assert KEY in other.done()
    assert KEY in other.recorded()
    back = other.get(KEY)
    assert back.keys() == value.keys()
    assert all(np.array_equal(back[name], value[name]) for name in value)
    assert other.here(KEY)
    assert other.record(KEY).label == "a label"
    assert list((other.root / "tmp").iterdir()) == []


def test_pairs_are_fetched_byte_for_byte(machine: Machine) -> None:
    one, two = machine("one"), machine("two")
    one.put(Record(KEY, "images"), pairs())
    back = two.get(KEY)
    assert back.captions == pairs().captions
    assert np.array_equal(back.images, pairs().images)
    for file in one.folder(KEY).rglob("*"):
        if file.is_file():
            assert (two.folder(KEY) / file.relative_to(one.folder(KEY))).read_bytes() == file.read_bytes()


def test_equal_pictures_are_in_the_bucket_and_on_a_disk_once(machine: Machine, world: World) -> None:
    one = machine("one")
    one.put(Record(KEY, "images"), pairs())
    before = len(blobs(world))
    one.put(Record(OTHER, "captions"), one.get(KEY).with_(captions=["x", "y", "z"]))
    assert len(blobs(world)) == before + 1, "its fields alone are new"
    two = machine("two")
    assert np.array_equal(two.get(KEY).images, two.get(OTHER).images)
    files = [{f.stat().st_ino for f in (two.folder(key) / "value").iterdir()} for key in (KEY, OTHER)]
    assert len(files[0] & files[1]) == 1, "the file of the pictures has two names"
    fetched = world.asked["fetch"]
    three = machine("two")  # another process of that machine
    three.drop(OTHER)
    assert np.array_equal(three.get(OTHER).images, pairs().images)
    assert world.asked["fetch"] == fetched + 1


def test_a_record_is_read_without_the_value(machine: Machine, world: World) -> None:
    one = machine("one")
    one.put(Record(KEY, "images", "a label"), pairs())
    two = machine("two")
    assert two.record(KEY) == one.record(KEY)
    assert world.asked["fetch"] == 0
    assert not two.here(KEY)
    world.gone()
    assert two.record(KEY).label == "a label", "it is kept"


def test_what_is_dropped_goes_from_this_machine_alone(machine: Machine) -> None:
    store = machine()
    store.put(Record(KEY, "images"), pairs())
    store.drop(KEY)
    store.drop(KEY)
    assert not store.here(KEY)
    assert not (store.folder(KEY) / "value").exists()
    assert store.has(KEY)
    assert KEY in store.done()
    assert store.dropped(KEY) == 0
    assert store.get(KEY).captions == pairs().captions
    assert store.here(KEY)


def test_without_a_manifest_in_the_bucket_nothing_is_done(machine: Machine, world: World) -> None:
    """A run that is killed after its blobs, before the manifest."""
    one = machine("one")
    world.fails = lambda what, path: PermissionError("killed") if what == "write" else None
    with pytest.raises(Unreachable):
        one.put(Record(KEY, "images"), pairs())
    world.back()
    assert blobs(world)
    two = machine("two")
    assert not two.has(KEY)
    assert KEY not in two.done()
    with pytest.raises(StepError, match="is in the store no more; run again to make it"):
        two.get(KEY)
    again = machine("one")
    assert again.has(KEY), "nothing is lost where it was made"
    assert list(again.shared({KEY})) == ["uploads 1 artifact that the bucket lacks"]
    assert list(again.shared({KEY})) == []
    assert machine("two").get(KEY).captions == pairs().captions


def test_an_upload_that_is_cut_leaves_no_blob(machine: Machine, world: World) -> None:
    world.fails = lambda what, path: PermissionError("cut") if what == "sent" else None
    with pytest.raises(Unreachable):
        machine("one").put(Record(KEY, "images"), pairs())
    world.back()
    assert world.objects == {}


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    return content[:9] + bytes([content[9] ^ 1]) + content[10:]


@pytest.mark.parametrize("damage", [truncated, flipped, None], ids=["truncated", "flipped", "missing"])
@pytest.mark.parametrize("file", ["pairs.parquet", "fields.pq"])
def test_a_damaged_blob_is_named_and_made_again(file: str, damage: Any, machine: Machine, world: World) -> None:
    one = machine("one")
    one.put(Record(KEY, "images", "some images"), pairs())
    blob = blob_of(world, one, KEY, file)
    if damage is None:
        del world.objects[blob]
    else:
        world.objects[blob] = damage(world.objects[blob])
    two = machine("two")
    with pytest.raises(DamagedArtifact, match=rf"artifact ab0+ \(some images\): {file} in the bucket is not what was"):
        two.get(KEY)
    assert not two.has(KEY)
    assert KEY not in two.done()
    assert blob not in world.objects
    assert list((two.root / "tmp").iterdir()) == []
    two.put(Record(KEY, "images", "some images"), pairs())
    three = machine("three")
    assert np.array_equal(np.asarray(three.get(KEY).images), pairs().images)
    assert blob in world.objects


def test_a_download_that_is_cut_is_no_damage(machine: Machine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    machine("one").put(Record(KEY, "metrics"), NUMBERS)
    two, cut, plain = machine("two"), [1], Bucket.fetch

    def fetch(self: Bucket, path: str, file: Path) -> bool:
        found = plain(self, path, file)
        if cut:
            file.write_bytes(truncated(file.read_bytes()))
            cut.pop()
        return found

    monkeypatch.setattr(Bucket, "fetch", fetch)
    assert two.get(KEY) == NUMBERS


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"key": "x"}'])
def test_a_damaged_manifest_is_named_and_made_again(text: bytes, machine: Machine, world: World) -> None:
    machine("one").put(Record(KEY, "metrics"), NUMBERS)
    (name,) = (name for name in world.objects if "/artifacts/" in name)
    world.objects[name] = text
    two = machine("two")
    with pytest.raises(DamagedArtifact, match="its manifest in the bucket is not what was written; run again to make"):
        two.get(KEY)
    assert not two.has(KEY)
    two.put(Record(KEY, "metrics"), NUMBERS)
    assert machine("three").get(KEY) == NUMBERS


@pytest.mark.parametrize("name", ["../../../out", "/out", "a/../../out", "", "a//b", "a\\..\\out", "."])
def test_no_name_in_a_manifest_leads_out_of_the_folder(
    name: str, machine: Machine, world: World, tmp_path: Path
) -> None:
    one = machine("one")
    one.put(Record(KEY, "metrics"), NUMBERS)
    data = json.loads((one.folder(KEY) / "manifest.json").read_text())
    del data["digest"]
    data["files"] = {name: data["files"]["value.json"]}
    (artifact,) = (found for found in world.objects if "/artifacts/" in found)
    world.objects[artifact] = sealed(data).encode()
    with pytest.raises(DamagedArtifact):
        machine("two").get(KEY)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_no_name_of_a_listing_but_keys_counts(machine: Machine, world: World) -> None:
    machine("one").put(Record(KEY, "metrics"), NUMBERS)
    for name in ("../../x.json", f"cd/{KEY}.json", f"ab/{KEY[:-1]}.json", f"ab/{KEY}.json.part", "ab/../../etc.json"):
        world.objects[f"b/prefix/artifacts/{name}"] = b""
    assert machine("two").done() == {KEY}


def test_what_is_damaged_here_is_fetched_again(machine: Machine) -> None:
    one = machine("one")
    one.put(Record(KEY, "metrics"), NUMBERS)
    (one.folder(KEY) / "value" / "value.json").write_text("{}")
    again = machine("one")
    assert again.get(KEY) == NUMBERS
    assert again.here(KEY)


def test_what_is_forgotten_is_made_again_everywhere(machine: Machine) -> None:
    """As a reference to a folder that is gone."""
    machine("one").put(Record(KEY, "base"), NUMBERS)
    two = machine("two")
    assert two.get(KEY) == NUMBERS
    two.forget(KEY)
    assert not two.has(KEY)
    assert not machine("three").has(KEY)


def test_a_bucket_that_is_gone_takes_nothing_away(machine: Machine, world: World) -> None:
    machine("one").put(Record(KEY, "metrics"), NUMBERS)
    two = machine("two")
    assert KEY in two.done()
    world.gone()
    assert two.has(KEY), "as far as anybody knows"
    assert not two.has(OTHER)
    with pytest.raises(Unreachable, match="does not answer"):
        two.get(KEY)
    with pytest.raises(Unreachable):
        two.put(Record(OTHER, "metrics"), NUMBERS)
    assert two.here(OTHER)
    assert two.get(OTHER) == NUMBERS
    world.back()
    assert list(two.shared({KEY, OTHER}))
    assert machine("three").get(OTHER) == NUMBERS


def test_a_damaged_artifact_is_not_uploaded(machine: Machine, world: World) -> None:
    world.gone()
    one = machine("one")
    with pytest.raises(Unreachable):
        one.put(Record(KEY, "metrics"), NUMBERS)
    (one.folder(KEY) / "value" / "value.json").write_text("{}")
    world.back()
    _, said = machine("one").shared({KEY})
    assert "value.json is not what was written; it is made again" in said
    assert world.objects == {}


def test_what_another_run_of_the_folder_lets_go_of_meanwhile_is_no_failure(machine: Machine, world: World) -> None:
    one = machine("one")

    def drops(what: str, path: str) -> None:
        if what == "send":
            one.drop(KEY)

    world.fails = drops
    one.put(Record(KEY, "metrics"), NUMBERS)
    assert not one.here(KEY)


def test_a_store_without_a_bucket_is_a_folder(tmp_path: Path) -> None:
    assert type(open_store(tmp_path)) is LocalStore
    assert list(open_store(tmp_path).shared({KEY})) == []
