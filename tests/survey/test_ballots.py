"""Votes files come from strangers: what is wrong with one is one sentence that names it, and it does nothing else."""

from __future__ import annotations

import copy
import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.commands.main import main
from benchmarks.survey.documents import Key, read_ballot, read_key
from benchmarks.survey.tally import read_ballots
from records.errors import UsageError, sentence
from tests.survey.people import cast, small_survey, voted

KEY = small_survey()[1]
SOUND = voted(KEY, np.random.default_rng(0))


def changed(place: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    """Return a change of a votes file at a place such as `votes.0.seconds`."""

    def change(data: dict[str, Any]) -> Any:
        *parents, last = place.split(".")
        where: Any = data
        for part in parents:
            where = where[int(part)] if isinstance(where, list) else where[part]
        where[int(last) if isinstance(where, list) else last] = value
        return data

    return change


def fast(data: dict[str, Any]) -> dict[str, Any]:
    for vote in data["votes"]:
        vote["seconds"] = 0.2
    return data


def other_question(data: dict[str, Any]) -> dict[str, Any]:
    data["votes"][0]["question"] = data["votes"][1]["question"]
    return data


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no JSON": (lambda d: "{votes: 3", "not valid JSON"),
    "nothing": (lambda d: "", "not valid JSON"),
    "bytes": (lambda d: b"\xff\xfe\x00", "no UTF-8"),
    "a list": (lambda d: [d], "not an object"),
    "nested deeply": (lambda d: "[" * 100_000, "nested too deeply"),
    "a number without end": (lambda d: json.dumps(d).replace(str(d["votes"][0]["seconds"]), "9" * 5000, 1), "allowed: "),
    "NaN": (lambda d: json.dumps(changed("votes.0.seconds", float("nan"))(d)), "only finite numbers"),
    "a field twice": (lambda d: json.dumps(d).replace('"rater"', '"survey": "x", "rater"'), "stands twice"),
    "another schema": (changed("schema", 7), "schema"),
    "an unknown field": (changed("script", "<script>"), "key 'script' is unknown"),
    "no votes": (changed("votes", []), "votes: found none"),
    "votes of another kind": (changed("votes", "all"), "votes: found 'all'; allowed: a list"),
    "another survey": (changed("survey", "f" * 64), "survey: found 'ffff"),
    "a path as rater": (changed("rater", "../../../etc/cron.d/x"), "rater: found '../../../etc/cron.d/x'; allowed: 8 to 64 hexadecimal"),
    "markup as rater": (changed("rater", "<img src=x>"), "allowed: 8 to 64 hexadecimal"),
    "a formula as rater": (changed("rater", "=HYPERLINK(1)"), "allowed: 8 to 64 hexadecimal"),
    "an unknown question": (changed("votes.3.question", "=1+1"), "votes[3]: question: found '=1+1'"),
    "foreign options": (changed("votes.2.left", "0" * 12), "votes[2]: found options"),
    "one option twice": (lambda d: changed("votes.2.left", d["votes"][2]["right"])(d), "votes[2]: found options"),
    "options of another question": (other_question, "votes[0]: found options"),
    "a question twice": (lambda d: changed("votes", [*d["votes"], d["votes"][0]])(d), "is answered twice"),
    "an unknown answer": (changed("votes.1.answer", "both"), "found 'both'; allowed: 'left', 'right', 'tie'"),
    "time that runs backwards": (changed("votes.1.seconds", -3.0), "votes[1]: seconds: found -3"),
    "no time": (changed("votes.1.seconds", None), "found null"),
    "too fast": (fast, "half of the answers took less than 0.2 s; allowed: a median of 0.5 s"),
    "too large": (lambda d: " " * 2_000_001, "bytes; allowed: at most 2,000,000"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_one_sentence_that_names_the_file(what: str, tmp_path: Path, capsys: Any) -> None:
    change, expected = REFUSED[what]
    votes = cast(tmp_path / "survey", KEY, {"attentive": 1})
    made = change(copy.deepcopy(SOUND))
    content = made if isinstance(made, str | bytes) else json.dumps(made)
    file = votes / "bad.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as caught:
        read_ballot(file, KEY)
    said = sentence(caught.value)
    assert expected in said
    assert said.startswith(str(file))
    assert "; allowed: " in said
    assert len(said) < 300
    assert "\n" not in said
    assert main(["survey-results", str(votes)]) == 1
    assert f"refused: {said}" in capsys.readouterr().err
    document = json.loads((tmp_path / "survey" / "survey.json").read_text())
    assert document["refused"] == [said]
    assert [rater["out"] for rater in document["raters"]] == [""]


def test_a_sound_file_is_read_and_so_is_a_part_of_one(tmp_path: Path) -> None:
    file = tmp_path / "votes.json"
    file.write_text(json.dumps(SOUND))
    assert len(read_ballot(file, KEY).votes) == len(KEY.questions)
    file.write_text(json.dumps({**SOUND, "votes": SOUND["votes"][:3]}))
    assert len(read_ballot(file, KEY).votes) == 3


def test_of_two_files_of_one_rater_the_longer_one_counts_and_copies_are_refused(tmp_path: Path) -> None:
    votes = cast(tmp_path, KEY, {})
    (votes / "a part.json").write_text(json.dumps({**SOUND, "votes": SOUND["votes"][:9]}))
    (votes / "whole.json").write_text(json.dumps(SOUND))
    (votes / "stuffed.json").write_text(json.dumps({**SOUND, "rater": "f" * 32}))
    kept, refused = read_ballots(votes, KEY)
    assert [(b.rater, len(b.votes)) for b in kept] == [("f" * 32, len(KEY.questions))]
    assert len(refused) == 2
    assert "whole.json: found the very votes of stuffed.json; allowed" in refused[0]
    assert f"a part.json: found rater {SOUND['rater'][:8]} of whole.json again; allowed" in refused[1]
    assert [Path(text.partition(": ")[0]).name for text in refused] == ["whole.json", "a part.json"]
    assert all("; allowed: one file a rater" in text for text in refused)


HOSTILE = "=cmd|' /C calc'!A0<img src=x onerror=alert(1)>|[x](javascript:1).json"


def test_names_of_files_are_text_everywhere_and_nothing_is_written_elsewhere(tmp_path: Path, capsys: Any) -> None:
    votes = cast(tmp_path / "survey", KEY, {"attentive": 6})
    (votes / HOSTILE.replace("/", ":")).write_text(json.dumps(changed("rater", "../../x")(copy.deepcopy(SOUND))))
    (votes / "folder.json").mkdir()
    if hasattr(os, "symlink"):
        os.symlink("/etc/passwd", votes / "link.json")
    before = {str(path) for path in tmp_path.rglob("*")}
    assert main(["survey-results", str(votes)]) == 1
    new = {str(Path(path).relative_to(tmp_path)) for path in {str(path) for path in tmp_path.rglob("*")} - before}
    assert new == {f"survey/survey.{kind}" for kind in ("md", "json", "csv")}
    assert "root:" not in capsys.readouterr().err
    page = (tmp_path / "survey" / "survey.md").read_text()
    assert "<img" not in page
    assert "&lt;img" in page
    assert "[x](" not in page
    rows = list(csv.reader((tmp_path / "survey" / "survey.csv").open(encoding="utf-8")))
    assert len(rows) == 1 + len(KEY.contestants)
    assert not [field for row in rows for field in row if field[:1] in "=+@" and field]


def test_without_a_sound_file_there_is_nothing_to_say(tmp_path: Path, capsys: Any) -> None:
    votes = cast(tmp_path, KEY, {})
    assert main(["survey-results", str(votes)]) == 2
    assert "found no votes; allowed: a folder with the .json files that raters saved" in capsys.readouterr().err
    (votes / "one.json").write_text("{}")
    assert main(["survey-results", str(votes)]) == 2
    assert "all 1 files were refused" in capsys.readouterr().err
    assert main(["survey-results", str(tmp_path / "nowhere")]) == 2
    (tmp_path / "key.json").unlink()
    assert main(["survey-results", str(votes)]) == 2
    assert "found no key.json in it or beside it; allowed: --key FILE" in capsys.readouterr().err


def test_a_key_is_read_as_strictly(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(KEY.to_json())
    assert read_key(file) == KEY
    assert isinstance(KEY, Key)
    data = json.loads(KEY.to_json())
    name = next(iter(data["questions"]))
    data["questions"][name]["options"] = {"a": "nobody", "b": "base"}
    data["questions"][name]["right"] = ""
    file.write_text(json.dumps(data))
    with pytest.raises(UsageError, match=r"has other options than two of its contestants; allowed: the key\.json"):
        read_key(file)
    file.write_text(json.dumps({**json.loads(KEY.to_json()), "suite": "../x"}))
    with pytest.raises(UsageError, match=r"suite: found '\.\./x'"):
        read_key(file)
