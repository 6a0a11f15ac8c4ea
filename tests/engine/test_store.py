"""The store: whole artifacts or none, nothing unpickled, a full disk loses nothing."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from benchmarks.storage import values
from benchmarks.storage.store import DamagedArtifact, LocalStore, Record
from datamodules.pairs import Pairs

KEY = "ab" + "0" * 62


def pairs(n: int = 3) -> Pairs:
    return Pairs(
        ids=np.arange(n), images=np.arange(n * 12, dtype=np.uint8).reshape(n, 2, 2, 3), captions=tuple("abc"[:n]),
        prompts=("",) * n, origin=np.ones(n, np.int16),
    )  # fmt: skip


@pytest.mark.parametrize("value", [{"a": np.arange(6.0).reshape(2, 3)}, {"values": {"x": 0.1}, "absent": {}}])
def test_arrays_and_json_come_back(value: dict, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put(Record(KEY, "metrics"), value)
    back = store.get(KEY)
    for name, item in value.items():
        assert np.array_equal(back[name], item) if isinstance(item, np.ndarray) else back[name] == item


def test_pairs_come_back_and_no_pickle_is_written(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put(Record(KEY, "images"), pairs())
    back = store.get(KEY)
    assert np.array_equal(back.images, pairs().images)
    assert back.captions == pairs().captions
    assert {p.suffix for p in store.folder(KEY).rglob("*") if p.is_file()} <= {
        ".json",
        ".npy",
        ".parquet",
        ".pq",
        ".safetensors",
    }


def test_half_written_is_not_done(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    aside = tmp_path / "tmp" / "killed"
    (aside / "value").mkdir(parents=True)
    assert not store.has(KEY)
    assert KEY not in store.done()
    store.folder(KEY).mkdir(parents=True)  # an older layout, or a hand-made folder: no manifest
    assert not store.has(KEY)
    assert KEY not in store.done()
    store.put(Record(KEY, "images"), pairs())
    assert store.has(KEY)
    store.sweep()
    assert not aside.exists()


def test_second_writer_loses_quietly(tmp_path: Path) -> None:
    first, second = LocalStore(tmp_path), LocalStore(tmp_path)
    first.put(Record(KEY, "images", "first"), pairs())
    second.put(Record(KEY, "images", "second"), pairs())
    assert first.record(KEY).label == "first"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_full_disk_leaves_nothing_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space left"):
        store.put(Record(KEY, "images"), {"a": np.zeros(2)})
    assert not store.has(KEY)
    assert not store.folder(KEY).exists()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_notes_are_kept_in_the_manifest_beside_nothing_else(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put(Record(KEY, "merge", notes={"refactoring_error": 0.25}), pairs())
    assert store.record(KEY).notes == {"refactoring_error": 0.25}
    store.drop(KEY)
    assert store.record(KEY).notes == {"refactoring_error": 0.25}
    other = "cd" + "0" * 62
    store.put(Record(other, "merge"), pairs())
    assert "notes" not in (store.folder(other) / "manifest.json").read_text()


OTHER = "cd" + "0" * 62


def test_a_damaged_picture_is_found_when_somebody_looks(tmp_path: Path) -> None:
    LocalStore(tmp_path).put(Record(KEY, "images"), pairs())
    file = LocalStore(tmp_path).folder(KEY) / "value" / "pairs.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(bytes(content))
    store = LocalStore(tmp_path)
    back = store.get(KEY)
    assert back.captions == pairs().captions
    with pytest.raises(DamagedArtifact, match=r"pairs\.parquet is not what was written"):
        back.images[0]
    assert not store.has(KEY)


def test_pictures_are_linked_and_outlast_what_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LocalStore(tmp_path).put(Record(KEY, "images"), pairs())
    store, read = LocalStore(tmp_path), []
    digest = values.file_digest
    monkeypatch.setattr(values, "file_digest", lambda file: read.append(file.name) or digest(file))
    store.put(Record(OTHER, "captions"), store.get(KEY).with_(captions=["x", "y", "z"]))
    assert sorted(read) == ["fields.pq", "pairs.parquet"]  # the old one's fields, the new one's: no picture
    assert store.record(OTHER).size < sum(f.stat().st_size for f in (store.folder(OTHER) / "value").iterdir())
    store.drop(KEY)
    back = LocalStore(tmp_path).get(OTHER)
    assert back.captions == ("x", "y", "z")
    assert np.array_equal(back.images, pairs().images)
    LocalStore(tmp_path).require_sound(OTHER)


@pytest.mark.parametrize("happens", ["dropped", "made again"])
def test_a_record_is_read_while_another_run_drops_it_or_makes_it_again(
    happens: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = LocalStore(tmp_path), "ab" * 32
    store.put(Record(key, "metrics", "it"), {"values": {}})
    folder, plain, moves = store.folder(key), Path.read_bytes, iter([("manifest.json", "dropped.json")])
    if happens == "made again":
        store.drop(key)
        moves = iter([("dropped.json", "manifest.json")])

    def late(path: Path) -> bytes:
        missed = not path.exists() or happens == "dropped"
        if missed and path.parent == folder and (move := next(moves, None)):
            (folder / move[0]).rename(folder / move[1])
            raise FileNotFoundError(path)  # what was looked for is gone by now
        return plain(path)

    monkeypatch.setattr(Path, "read_bytes", late)
    assert store.record(key).label == "it"
    assert next(moves, None) is None
