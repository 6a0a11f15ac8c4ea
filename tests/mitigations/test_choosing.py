"""Methods that choose among candidates by a scorer: against naive references, and never by a judge."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.detector_resampling import DetectorResampling
from benchmarks.mitigations.diversity_selection import DiversitySelection, farthest_points
from benchmarks.mitigations.latent_filter import LatentFilter
from benchmarks.mitigations.pluralistic_choice import PluralisticChoice
from benchmarks.mitigations.preference_choice import PreferenceChoice
from benchmarks.mitigations.self_correction import SelfCorrection
from benchmarks.mitigations.verifier_filter import VerifierFilter
from benchmarks.planning.planner import make_plan
from benchmarks.steps import Step
from datamodules.pairs import Pairs
from tests.mitigations.toys import MODALITIES, N, ToyScorer, ask, bites, drawn, same, scores

both = pytest.mark.parametrize("modality", MODALITIES)


def cosines(pairs: Pairs) -> list[float]:
    """Return the toy scorer's cosine of each pair, from the angles themselves."""
    means = [4.0 * int(text[1:]) for text in pairs.captions]
    return [float(np.cos((x - m) / 4)) for x, m in zip(pairs.images.tolist(), means, strict=True)]


@both
def test_the_best_q_of_the_pool(modality: str) -> None:
    def check(method: Mitigation) -> None:
        new = drawn(modality, draws=4)
        found = ask(method, new=new, scorers=scores(new))
        order = sorted(range(len(new)), key=lambda i: (-cosines(new)[i], i))
        assert same(found, new.take(sorted(order[:N])))

    bites(check, VerifierFilter(4))


@both
def test_the_best_of_each_prompt(modality: str) -> None:
    def check(method: Mitigation) -> None:
        new = drawn(modality, draws=4)
        found = ask(method, new=new, scorers=scores(new))
        assert found.ids.tolist() == new.ids[:N].tolist()
        score = np.array(cosines(new))
        for i, best in zip(found.ids.tolist(), cosines(found), strict=True):
            assert best == pytest.approx(score[new.ids == i].max())

    bites(check, VerifierFilter(4, per_prompt=True))


@both
def test_several_scorers_count_alike(modality: str) -> None:
    new = drawn(modality, draws=2)
    one, random = scores(new), np.random.default_rng(0)
    other = {"images": random.standard_normal((len(new), 5)), "captions": random.standard_normal((len(new), 5))}
    method = VerifierFilter(2)
    found = ask(method, new=new, scorers={**one, "other": other})
    a, b = other["images"], other["captions"]
    mean = (np.array(cosines(new)) + (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)) / 2
    assert same(found, new.take(np.sort(np.argsort(-mean)[:N])))


def test_choices_have_the_frequencies_of_the_softmax() -> None:
    def check(method: Mitigation) -> None:
        n, wanted = 6000, np.array([0.9, 0.8, 0.95])
        new = drawn("generator", n, draws=3).with_(captions=["c0"] * 3 * n, images=4 * np.repeat(np.arccos(wanted), n))
        found = ask(method, new=new, scorers=scores(new), n=n)
        assert found.draw is not None
        shares = np.bincount(found.draw, minlength=3) / n
        expected = np.exp(20 * wanted) / np.exp(20 * wanted).sum()
        # Five standard deviations of a share: one false alarm in half a million.
        assert (np.abs(shares - expected) < 5 * np.sqrt(expected * (1 - expected) / n)).all()

    bites(check, PreferenceChoice(3, scale=20.0))


@both
def test_a_choice_hangs_on_its_own_prompt_alone(modality: str) -> None:
    def check(method: Mitigation) -> None:
        new = drawn(modality, draws=4)
        found = ask(method, new=new, scorers=scores(new))
        some = np.isin(new.ids, new.ids[:5])
        part = new.take(some)
        assert same(ask(method, new=part, scorers=scores(part), n=5), found.take(range(5)))
        assert found.ids.tolist() == new.ids[:N].tolist()
        assert found.draw is not None
        assert len(set(found.draw.tolist())) > 1

    bites(check, PreferenceChoice(4))


def unlikeness(pairs: Pairs, modality: str) -> np.ndarray:
    """Return 1 - the mean cosine with the other candidates of the prompt, from the angles, pair by pair."""
    means = np.array([4.0 * int(text[1:]) for text in pairs.captions])
    angle = (pairs.images if modality == "generator" else means) / 4
    others = [(pairs.ids == i) & (pairs.draw != d) for i, d in zip(pairs.ids, pairs.draw, strict=True)]  # type: ignore[call-overload]
    return np.array([1 - np.cos(a - angle[rows]).mean() for a, rows in zip(angle, others, strict=True)])


def test_two_groups_share_the_choices() -> None:
    """The frequencies are those of q softmax(r1) + (1 - q) softmax(r2)."""

    def check(method: Mitigation) -> None:
        n = 6000
        one = drawn("generator", 1, draws=3).with_(captions=["c0"] * 3, images=np.array([0.2, 0.9, -2.0]))
        new = one.take(np.repeat(range(3), n)).with_(ids=np.tile(np.arange(n), 3))
        found = ask(method, new=new, scorers=scores(new), n=n)
        assert found.draw is not None
        laws = [np.exp(20 * r) / np.exp(20 * r).sum() for r in (np.array(cosines(one)), unlikeness(one, "generator"))]
        assert laws[0][2] < 0.2 < 0.7 < laws[1][2], "the groups differ"
        expected = 0.3 * laws[0] + 0.7 * laws[1]
        shares = np.bincount(found.draw, minlength=3) / n
        assert (np.abs(shares - expected) < 5 * np.sqrt(expected * (1 - expected) / n)).all()

    bites(check, PluralisticChoice(3, scale=20.0, q=0.3))


@both
def test_the_second_group_likes_what_is_unlike_the_others(modality: str) -> None:
    def check(method: Mitigation) -> None:
        new = drawn(modality, draws=5)
        liked = unlikeness(new, modality).reshape(5, N).argmax(0)
        found = ask(method, new=new, scorers={**scores(new), "again": scores(new)["toy"]})
        assert same(found, new.take(liked * N + np.arange(N)))

    bites(check, PluralisticChoice(5, scale=1e9, q=0))


@both
def test_one_group_alone_is_preference_choice(modality: str) -> None:
    new = drawn(modality, draws=4)
    alone, plain = (ask(m, new=new, scorers=scores(new)) for m in (PluralisticChoice(q=1), PreferenceChoice()))
    assert same(alone, plain)
    mixed = ask(PluralisticChoice(), new=new, scorers=scores(new))
    assert not same(mixed, plain)


@both
def test_a_prompt_s_group_hangs_on_the_prompt_and_the_iteration_alone(modality: str) -> None:
    def check(method: Mitigation) -> None:
        new = drawn(modality, draws=4)
        found = ask(method, new=new, scorers=scores(new))
        part = new.take(np.isin(new.ids, new.ids[:5]))
        assert same(ask(method, new=part, scorers=scores(part), n=5), found.take(range(5)))
        assert not same(ask(method, new=new, scorers=scores(new), seed=8), found)

    bites(check, PluralisticChoice(scale=1e9))


def naive_farthest(points: np.ndarray, count: int) -> list[int]:
    """Greedy farthest points by brute force."""
    mean = points.mean(0)
    taken = [max(range(len(points)), key=lambda i: (float(((points[i] - mean) ** 2).sum()), -i))]
    while len(taken) < count:
        left = [i for i in range(len(points)) if i not in taken]
        taken.append(max(left, key=lambda i: (min(float(((points[i] - points[j]) ** 2).sum()) for j in taken), -i)))
    return taken


def test_farthest_points_are_those_of_brute_force() -> None:
    random = np.random.default_rng(3)
    for points in (random.standard_normal((40, 3)), np.repeat(random.standard_normal((5, 2)), 4, axis=0)):
        for count in (1, 7, len(points)):
            assert farthest_points(points, count).tolist() == naive_farthest(points, count)


@both
def test_diversity_selection_spreads_what_was_made(modality: str) -> None:
    def check(method: Mitigation) -> None:
        new = drawn(modality, draws=3)
        found = ask(method, new=new, scorers=scores(new))
        scorer = ToyScorer()
        points = scorer.embed_images(new.images) if modality == "generator" else scorer.embed_texts(new.captions)
        assert same(found, new.take(sorted(naive_farthest(points / np.linalg.norm(points, axis=1, keepdims=True), N))))

    bites(check, DiversitySelection(3))


CHOOSING = {
    "verifier_filter": VerifierFilter, "best_of_n": VerifierFilter, "preference_choice": PreferenceChoice,
    "diversity_selection": DiversitySelection, "detector_resampling": DetectorResampling,
    "self_correction": SelfCorrection, "pluralistic_choice": PluralisticChoice, "latent_filter": LatentFilter,
}  # fmt: skip


@pytest.mark.parametrize("name", CHOOSING)
def test_scorers_choose_and_judges_never_do(name: str) -> None:
    plan = make_plan("board", ("--seeds", "[0]", "--iterations", "2"), (name,))
    models = {role: {id(spec) for spec in specs} for role, specs in plan.world.models.items()}
    rows = [row for row in plan.rows if row.mitigation == name]
    assert {row.scenario for row in rows} == {"single_model_captioner", "single_model_generator", "joint_finetune"}
    for row in rows:
        cell = plan.cells[row.keys[0]]
        steps = [plan.steps[key] for key in cell.needs]
        curated = [step for step in steps if step.kind == "curate"]
        assert len(curated) == 2
        for step in curated:
            assert not models["judges"] & used(step, plan.steps)
            assert models["scorers"] <= used(step, plan.steps)
        assert all(isinstance(step.hooked.method.execution.hooks, CHOOSING[name]) for step in curated)


def used(step: Step, steps: dict[str, Step]) -> set[int]:
    """Return the models that a step reads, or anything that it hangs on."""
    found, left = set(), [step.key]
    seen: set[str] = set()
    while left:
        key = left.pop()
        if key not in seen:
            seen.add(key)
            left.extend(steps[key].parents)
            if steps[key].kind == "base":
                found.add(id(steps[key].identity["model"]))
    return found
