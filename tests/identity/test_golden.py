"""Identities stay what they are: a house that is tidied up keeps every key, protocol and digest."""

from __future__ import annotations

import json

import pytest

from benchmarks.planning.planner import make_plan
from tests.identity.snapshot import GOLDEN, METHODS, SHIPPED, method_digest, snapshot_of

KNOWN = json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_the_golden_file_knows_what_is_shipped() -> None:
    assert sorted(KNOWN["suites"]) == SHIPPED
    assert sorted(KNOWN["methods"]) == METHODS


@pytest.mark.parametrize("suite", SHIPPED)
def test_keys_protocols_and_digests_of_a_shipped_suite_are_those_of_the_golden_file(suite: str) -> None:
    assert snapshot_of(make_plan(suite)) == KNOWN["suites"][suite]


@pytest.mark.parametrize("method", METHODS)
def test_a_shipped_method_has_the_digest_of_the_golden_file(method: str) -> None:
    assert method_digest(method) == KNOWN["methods"][method]
