from __future__ import annotations

import pytest

from benchmarks.speed import images


def test_the_table_is_printed_in_one_run(capsys):
    """Tiny; the run itself checks that ours and the references agree."""
    text = images.main(["--images", "60", "--dims", "8", "--passed", "1"])
    assert capsys.readouterr().out == text + "\n"
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 2 + len(images.FAMILIES) + 1 + 1
    assert all(family.__name__ in text for family in images.FAMILIES)
    assert text.count("target at") == 3


def test_too_few_images_are_refused(capsys):
    with pytest.raises(SystemExit):
        images.main(["--images", "5"])
    assert "--images must be above 5" in capsys.readouterr().err
