"""Names as values: what is read is written again to the letter, and a wrong name is one sentence."""

from __future__ import annotations

import pytest

from records.names import GroupName, MetricName, RowName


@pytest.mark.parametrize(
    ("text", "judge", "n"),
    [
        ("generator/frechet@clip,n=512", "clip", 512),
        ("captioner/accuracy@n=48", None, 48),
        ("generator/recall@k=3,n=512", "k=3", 512),
        ("set/variance@dino", "dino", None),
        ("captioner/bleu4", None, None),
    ],
)
def test_a_metric_is_written_as_it_was_read(text, judge, n):
    name = MetricName.parse(text)
    assert (str(name), name.judge, name.n) == (text, judge, n)
    assert text == f"{name.side}/{name.beside}"
    assert name.first == (name.side == "set")


@pytest.mark.parametrize("text", ["", "frechet", "critic/frechet", "generator/", "generator/a@", "generator/a@n=01"])
def test_what_names_no_metric_is_refused(text):
    with pytest.raises(ValueError, match=r"^quality: found '.*'; allowed: side/metric, with a side of captioner, gen"):
        MetricName.parse(text, "quality")


def test_a_name_without_judge_fits_every_judge():
    full = MetricName.parse("generator/frechet@clip,n=512")
    assert all(full.fits(MetricName.parse(f"generator/frechet{x}")) for x in ("", "@clip", "@n=512", "@clip,n=512"))
    assert not any(full.fits(MetricName.parse(x)) for x in ("generator/frechet@dino", "set/frechet", "generator/fre"))


def test_rows_and_groups():
    row = RowName.parse("joint/real_prompts/none")
    assert (str(row), row.group) == ("joint/real_prompts/none", ("joint", "real_prompts"))
    assert str(row.group) == "joint/real_prompts"
    assert GroupName.parse("joint") == ("joint", "")
    for wrong in ("joint/none", "joint//none", "a/b/c/d"):
        with pytest.raises(ValueError, match=r"^row: found '.*'; allowed: scenario/variant/mitigation$"):
            RowName.parse(wrong)
