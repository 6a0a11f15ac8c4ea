"""`mmcollapse measure` on sets as people have them: planted faults, baselines, exit codes, what cannot be read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from benchmarks.commands.main import main
from benchmarks.measuring.example import grey, put
from benchmarks.measuring.example import main as write_example
from benchmarks.measuring.pictures import Looks
from datamodules.scenes.dataset import Scenes
from leaderboard.fitting import LINES, WIDTH
from records.errors import UsageError

N = 300
DATA = Scenes(domain="shapes", seed=0)
ORDER = np.random.default_rng(0).permutation(20_000)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put(tmp_path_factory.mktemp("sets") / "real", ORDER[: 2 * N])


def run(words: Sequence[object], out: Path, capsys: Any) -> tuple[int, list[str], dict[str, Any]]:
    code = main(["measure", *map(str, words), "--out", str(out)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    return code, lines, json.loads((out / "measure.json").read_text())


def flat(pixels: np.ndarray) -> np.ndarray:
    return (pixels / 2 + 64).astype(np.uint8)


def blurred(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(2)))


FIT = ("pairs", "alignment@embedded")  # what captions say of colours is not to be seen in grey pictures
FAULTS: dict[str, tuple[dict[str, Any], set[tuple[str, str]], set[tuple[str, str]]]] = {
    "nothing": ({}, set(), set()),
    "grey": ({"picture": grey}, {("images", "colour"), FIT}, set()),
    "flat": ({"picture": flat}, {("images", "contrast"), ("images", "colour"), ("images", "layout")}, {FIT}),
    "blurred": ({"picture": blurred}, {("images", "detail")}, {("images", "contrast"), ("images", "colour"), ("images", "near_copies"), FIT}),
    "an opening": ({"caption": lambda k, text: f"the image features {text}" if k % 2 else text}, {("text", "opening")}, set()),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_the_line_of_a_planted_fault_goes_red(fault: str, real: Path, tmp_path: Path, capsys: Any) -> None:
    change, expected, along = FAULTS[fault]
    made = put(tmp_path / "set", ORDER[5000 : 5000 + N], **change)
    code, lines, document = run([made, "--against", real, "--fail-on", "worse"], tmp_path / "out", capsys)
    found = {
        (line["part"], line["name"]) for line in document["lines"] if line["word"] == "worse" and not line["whole"]
    }
    assert expected <= found <= expected | along
    whole = {line["part"] for line in document["lines"] if line["word"] == "worse" and line["whole"]}
    assert whole == {part for part, _ in expected if part == "images"}, "captions with unknown words are not judged"
    assert code == bool(expected)
    answer = " ".join(lines[:6])
    assert ("Worse beside" if expected else "Nothing is worse beside") in answer
    assert document["n"] == document["measured"] == N
    page = (tmp_path / "out" / "measure.md").read_text()
    assert all(f"| {name} |" in page for _, name in expected)


def test_copies_are_counted_in_all_and_judged_in_what_is_measured(real: Path, tmp_path: Path, capsys: Any) -> None:
    ids = ORDER[5000 : 5000 + N]
    made = put(tmp_path / "set", np.concatenate([ids[: N - 30], ids[:30]]))
    _, lines, document = run([made, "--against", real], tmp_path / "out", capsys)
    assert document["copies"] == 30
    assert any("30 pictures are byte for byte another one" in line for line in lines)
    found = {(line["part"], line["name"]) for line in document["lines"] if line["word"] == "worse"}
    assert ("images", "copies") in found
    assert found <= {("images", "copies"), ("text", "copies")}


def test_a_baseline_is_a_red_light_for_what_got_worse(real: Path, tmp_path: Path, capsys: Any) -> None:
    before, same, worse = (
        put(tmp_path / name, ORDER[start : start + N], **change)
        for name, start, change in (("a", 5000, {}), ("b", 8000, {}), ("c", 7000, {"picture": grey}))
    )
    run([before], tmp_path / "a.out", capsys)
    baseline = ["--baseline", tmp_path / "a.out" / "measure.json", "--fail-on", "worse"]
    code, lines, _ = run([same, *baseline], tmp_path / "b.out", capsys)
    assert code == 0
    assert "Nothing is worse than in the baseline." in " ".join(lines)
    code, lines, _ = run([worse, *baseline], tmp_path / "c.out", capsys)
    assert code == 1
    assert "Worse than the baseline: colour of pictures (0, was" in " ".join(lines)


def captions_of(tmp_path: Path, name: str, start: int, count: int) -> Path:
    """Write captions of real items, one a line."""
    file = tmp_path / f"{name}.txt"
    file.write_text("\n".join(texts[0] for texts in DATA.captions("train", ORDER[start : start + count])))
    return file


def test_a_set_is_not_worse_for_being_larger_or_smaller(tmp_path: Path, capsys: Any) -> None:
    """Phrases repeat, and captions pack, the better the more of them there are."""
    few, many = captions_of(tmp_path, "few", 0, 300), captions_of(tmp_path, "many", 1000, 1200)
    for name, file in (("few", few), ("many", many)):
        run([file], tmp_path / name, capsys)
    red = ["--fail-on", "worse"]
    code, lines, document = run([many, "--baseline", tmp_path / "few" / "measure.json", *red], tmp_path / "a", capsys)
    assert (code, document["measured"]) == (0, 1200)
    assert "Nothing is worse than in the baseline." in " ".join(lines)
    for now, before in ((many, few), (few, many)):
        code, lines, _ = run([now, "--previous", before, *red], tmp_path / "b", capsys)
        assert code == 0
        assert f"Nothing is worse than in {before}." in " ".join(lines)
    words = [few, "--baseline", tmp_path / "many" / "measure.json", *red, "--out", tmp_path / "c"]
    assert main(["measure", *map(str, words)]) == 2
    found = capsys.readouterr()
    said = " ".join(found.out.split())
    assert (
        "Nothing could be compared with the baseline. Not compared: copies of captions and 9 other lines, of 300"
        in said
    )
    assert "300 items here and of 1,200 there." in said
    assert "--fail-on worse: found nothing that could be compared" in found.err


def test_what_was_not_compared_is_not_called_sound(tmp_path: Path, capsys: Any) -> None:
    few, real, more = (
        captions_of(tmp_path, name, start, 40) for name, start in (("few", 0), ("real", 100), ("more", 200))
    )
    _, lines, _ = run([few, "--against", real], tmp_path / "out", capsys)
    said = " ".join(lines)
    assert f"Nothing could be compared with 20 real items of {real}. " in said
    assert "at least 50 are needed" in said
    assert "Nothing is worse" not in said
    words = [few, more, "--against", real, "--fail-on", "worse", "--out", tmp_path / "s"]
    assert main(["measure", *map(str, words)]) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert f"Nothing of more.txt could be compared with {real}: 20 different items; at least 50 are needed." in said


def test_the_release_before_is_a_red_light_too(real: Path, tmp_path: Path, capsys: Any) -> None:
    before, now = (put(tmp_path / name, ORDER[start : start + N]) for name, start in (("v1", 5000), ("v2", 7500)))
    words = [now, "--against", real, "--previous", before, "--judge", "none", "--fail-on", "worse"]
    code, lines, _ = run(words, tmp_path / "out", capsys)
    assert code == 0
    assert f"Nothing is worse than in {before}." in " ".join(lines)
    faded = put(tmp_path / "v3", ORDER[9000 : 9000 + N], picture=grey)
    code, lines, _ = run(
        [faded, "--previous", before, "--judge", "none", "--fail-on", "worse"], tmp_path / "out", capsys
    )
    assert code == 1
    assert f"Worse than {before}: colour of pictures (0, was" in " ".join(lines)


def test_attributes_that_are_gone_are_named(real: Path, tmp_path: Path, capsys: Any) -> None:
    ids = np.arange(10_000, 20_000)
    kept = [i for i, text in zip(ids, DATA.captions("train", ids), strict=True) if "purple" not in " ".join(text)]
    made = put(tmp_path / "set", np.array(kept[:N]))
    _, lines, document = run([made, "--against", real, "--attributes", "shapes"], tmp_path / "out", capsys)
    words = {line["name"]: line["word"] for line in document["lines"]}
    assert words["colour_purple"] == "worse"
    assert "colour purple of captions (0 for" in " ".join(lines)
    others = {name for name, word in words.items() if word == "worse" and "purple" not in name}
    assert not others & {name for name in words if name.startswith(("colour_", "shape_", "background_"))}


def test_pictures_that_are_real_ones_are_counted(real: Path, tmp_path: Path, capsys: Any) -> None:
    made = put(tmp_path / "set", np.concatenate([ORDER[:7], ORDER[5000 : 5000 + N - 7]]))
    _, lines, document = run([made, "--against", real, "--judge", "none"], tmp_path / "out", capsys)
    assert document["taken"] == 7
    assert "7 pictures are byte for byte a real one." in " ".join(lines)


def test_captions_alone_and_pictures_alone(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "captions.txt").write_text("\n".join(DATA.captions("train", np.arange(N))[i][0] for i in range(N)))
    _, lines, document = run([tmp_path / "captions.txt"], tmp_path / "text.out", capsys)
    assert {line["part"] for line in document["lines"]} == {"text"}
    assert document["copies"] is None
    assert "There is nothing to compare with" in " ".join(lines)
    home = put(tmp_path / "pictures", np.arange(60))
    (home / "metadata.jsonl").unlink()
    (home / "00001.png").write_bytes(b"no picture")
    _, lines, document = run([home, "--layout", "images"], tmp_path / "images.out", capsys)
    assert {line["part"] for line in document["lines"]} == {"images"}
    assert document["counts"] == {"broken": 1}
    assert "1 broken" in " ".join(lines)


def test_a_series_says_what_is_worse_and_since_when(real: Path, tmp_path: Path, capsys: Any) -> None:
    def faded(share: float) -> Callable[[np.ndarray], np.ndarray]:
        return lambda pixels: (share * grey(pixels) + (1 - share) * pixels).astype(np.uint8)

    shares = (0.0, 0.02, 0.5, 0.9)
    made = [
        put(tmp_path / f"gen-{i}", ORDER[5000 + N * i : 5000 + N * (i + 1)], picture=faded(share))
        for i, share in enumerate(shares)
    ]
    code, lines, document = run([*made, "--against", real, "--fail-on", "worse"], tmp_path / "out", capsys)
    assert code == 1
    assert "colour of pictures from gen-2 on" in " ".join(lines[:6])
    (row,) = [line.split() for line in lines if line.startswith("  colour")]
    assert [cell.endswith("*") for cell in row[2:]] == [False, False, True, True]
    assert [one["name"].rpartition("/")[2] for one in document["sets"]] == ["gen-0", "gen-1", "gen-2", "gen-3"]
    page = (tmp_path / "out" / "measure.md").read_text()
    assert "| line | real | gen-0 | gen-1 | gen-2 | gen-3 |" in page
    code, lines, document = run([made[0], made[1], "--fail-on", "worse"], tmp_path / "first", capsys)
    assert (code, len(document["sets"])) == (0, 1)
    assert "gen-1 nothing is worse beside" in " ".join(lines[:6])
    assert main(["measure", *map(str, made), "--baseline", "x.json"]) == 2
    assert "--baseline: found beside 4 sets; allowed: with one set" in capsys.readouterr().err


def test_the_order_of_a_set_changes_nothing(tmp_path: Path, capsys: Any) -> None:
    captions = [{"id": f"{i}", "caption": DATA.captions("train", np.array([i]))[0][0]} for i in range(N)]
    for name, rows in (("a", captions), ("b", captions[::-1])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = [run([tmp_path / f"{name}.jsonl", "--most", 100], tmp_path / name, capsys)[2] for name in "ab"]
    assert found[0]["lines"] == found[1]["lines"]
    assert found[0]["measured"] == 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere"),
        ([".", "--column", "caption"], "--column: found 'caption'; allowed: KEY=NAME"),
        ([".", "--most", "0"], "--most: found 0; allowed: 1 or more"),
        (
            [".", "--baseline", "nowhere.json"],
            "nowhere.json: No such file or directory; allowed: a measure.json of before",
        ),
        ([".", "--judge", "nobody"], "--judge nobody: found no such judge or folder"),
        ([".", "--judge", "none", "--judge", "embedded"], "--judge: found none and embedded; allowed: none alone"),
        ([".", "--attributes", "nothing"], "--attributes: no file 'nothing'"),
        (
            [".", "--against-layout", "images"],
            "--against-layout, --against-column: found no --against; allowed: with it",
        ),
        (["nowhere", "--judge", "none", "--damage", "nothing"], "suite: no file 'nothing'"),
        ([".", "--iterations", "3"], "measure: found --iterations 3; allowed: the options that --help lists"),
    ],
)
def test_refused(words: list[str], said: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "captions.txt").write_text("a cat\n")
    assert main(["measure", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "measured").exists()


def test_a_document_that_is_none_is_refused(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "captions.txt").write_text("\n".join(["a cat sits on a mat"] * 60))
    (tmp_path / "bad.json").write_text('{"lines": [1]}')
    words = ["measure", str(tmp_path / "captions.txt"), "--baseline", str(tmp_path / "bad.json")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert "bad.json: found" in capsys.readouterr().err


def test_looks_by_hand() -> None:
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    nearly = white.copy()
    nearly[0, 0] = 235
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    pictures = [black, white, nearly, white, red]
    looks = Looks(enumerate(pictures))
    turned = Looks([(i, pictures[i]) for i in (3, 0, 4, 1, 2)])  # as they lie on a disk
    assert turned.colour.tolist() == looks.colour.tolist()
    assert turned.near(np.arange(4)) == looks.near(np.arange(4))
    rows = np.arange(5)
    assert looks.copied(rows) == pytest.approx(2 / 5)
    assert looks.copied(np.array([0, 1, 4])) == 0.0
    assert looks.near(rows) == pytest.approx(3 / 5)  # both whites, to the one that is nearly white, and that one
    assert looks.colour[:2].tolist() == [0.0, 0.0]
    assert looks.colour[4] == pytest.approx(0.3 * np.hypot(255, 127.5))
    assert looks.contrast[:2].tolist() == pytest.approx([0.0, 0.0])
    assert looks.brightness.tolist()[:2] == pytest.approx([0.0, 255.0])


def test_the_example_of_the_page_says_what_the_page_says(tmp_path: Path, capsys: Any) -> None:
    write_example(tmp_path / "example")
    words = [tmp_path / "example" / "grey", "--against", tmp_path / "example" / "real"]
    _, lines, _ = run(words, tmp_path / "out", capsys)
    page = (Path(__file__).parents[2] / "docs" / "measure.md").read_text()
    shown = page.partition("```text\n")[2].partition("```")[0].replace("example/", f"{tmp_path}/example/")
    assert " ".join(shown.split()) in " ".join(" ".join(lines).split())
    with pytest.raises(UsageError, match="found something there; allowed: a new folder"):
        write_example(tmp_path / "example")


def test_numbers_of_different_things_are_not_compared(real: Path, tmp_path: Path, capsys: Any) -> None:
    """The set is the same: what differs is what it is held against, and what of its captions is left."""

    def opened(k: int, text: str) -> str:
        return f"this image shows {text}" if k % 2 else text

    made = put(tmp_path / "set", ORDER[5000 : 5000 + N], caption=opened)
    other = put(tmp_path / "other", ORDER[7000 : 7000 + 2 * N])
    words = [made, "--fail-on", "worse", "--judge", "embedded"]
    run([made, "--against", real], tmp_path / "before", capsys)
    baseline = ["--baseline", tmp_path / "before" / "measure.json"]
    code, lines, _ = run([*words, *baseline], tmp_path / "alone", capsys)
    said = " ".join(lines)
    assert code == 0, said
    assert "measured without usual openings there alone" in said
    code, lines, _ = run([*words, *baseline, "--against", other], tmp_path / "beside", capsys)
    said = " ".join(lines)
    assert code == 0, said
    assert "held against real items, others there" in said
    code, lines, _ = run([*words, *baseline, "--against", real], tmp_path / "same", capsys)
    assert code == 0
    assert "Not compared" not in " ".join(lines)


def test_people_are_not_read_off_words_for_other_things(tmp_path: Path, capsys: Any) -> None:
    """A traffic light is no skin, an old house nobody's age."""
    folk = ["a woman and a dog", "a man rides a horse", "an old woman knits", "a child in a park"]
    things = ["a traffic light at night", "a dark room", "an old house", "both trains"]
    for name, kinds in (("real", [*folk, *things]), ("set", [*folk, "a stop sign", "a room", "a house", "two trains"])):
        (tmp_path / f"{name}.txt").write_text("\n".join(f"{kinds[i % 8]} {i}" for i in range(400)))
    words = [tmp_path / "set.txt", "--against", tmp_path / "real.txt", "--judge", "none", "--attributes", "people"]
    _, _, document = run(words, tmp_path / "out", capsys)
    told = {line["name"]: line for line in document["lines"]}
    assert not [name for name in told if name.startswith("skin")]
    assert [told["age_old"][side] for side in ("value", "real")] == pytest.approx([1 / 8, 1 / 8], abs=0.05)
    assert not [name for name, line in told.items() if line["word"] == "worse" and name.startswith(("age", "person"))]


def test_real_items_are_told_how_they_lie_and_what_is_wrong_with_them_is_said(tmp_path: Path, capsys: Any) -> None:
    made, real = (put(tmp_path / name, ORDER[start : start + 2 * N]) for name, start in (("set", 3000), ("real", 0)))
    for i, file in enumerate(sorted(real.rglob("*.png"))):
        file.with_suffix(".txt").write_text("a caption of another kind")
        if i < 40:
            file.write_bytes(b"")
    words = [made, "--against", real, "--judge", "none"]
    assert main(["measure", *map(str, words), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "allowed: --against-layout imagefolder" in error
    _, lines, document = run([*words, "--against-layout", "imagefolder"], tmp_path / "out", capsys)
    assert f"Of {2 * N} real items: 40 broken." in " ".join(lines)
    assert document["real"]["counts"] == {"broken": 40}
    assert "read as imagefolder" in document["real"]["told"]
    page = (tmp_path / "out" / "measure.md").read_text()
    assert "## What is wrong with real items" in page
    assert document["real"]["told"][:40] in page


def test_an_error_in_the_fits_takes_no_measurement_away(tmp_path: Path, capsys: Any) -> None:
    made = put(tmp_path / "few", ORDER[:8])
    words = ["measure", str(made), "--judge", "none", "--damage", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    said = capsys.readouterr()
    assert "--damage: found 8 pairs; allowed: 64 or more" in said.err
    assert "8 items, 8 of them measured" in " ".join(said.out.split())
    assert json.loads((tmp_path / "out" / "measure.json").read_text())["damage"] == []


def test_names_that_are_no_utf_8_and_pictures_of_one_pixel_are_measured(tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for i in range(60):
        Image.fromarray(np.full((8, 8, 3), 4 * i, np.uint8)).save(folder / f"{i}.png")
    Image.fromarray(np.full((1, 1, 3), 9, np.uint8)).save(folder / "spacer.png")
    Image.fromarray(np.full((3, 50, 3), 9, np.uint8)).save(folder / "rule.png")
    (folder / "0.png").rename(os.fsdecode(os.fsencode(folder) + b"/b\xe9.png"))
    _, _, document = run([folder], tmp_path / "out", capsys)
    assert (document["n"], document["counts"]) == (62, {})
