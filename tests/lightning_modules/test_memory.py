"""Memory that runs out, wherever it does: what was asked for is made in halves, with the same numbers, and noted."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch

from lightning_modules import memory
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.autoencoder import AutoencoderModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.fitting.regularizers import NearPredictions
from lightning_modules.settings import CaptionDecoding, Execution, FitSettings, ImageDecoding
from tests.lightning_modules.conftest import make_captioner, make_generator, make_judge

N = 8
SEEDS = np.arange(N, dtype=np.uint64)
DRAWN = ImageDecoding(steps=2)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    memory.forget()
    yield
    memory.forget()


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have a method fail on more rows than fit, counted on its first tensor; return the rows that it was given."""

    def limit(owner: Any, name: str, rows: int = 3, of: Any = None) -> list[int]:
        method, seen = getattr(owner, name), []

        def limited(*inputs: Any, **options: Any) -> Any:
            given = [*inputs, *options.values()]
            n = len(next(v for v in given if isinstance(v, torch.Tensor)) if of is None else of(*inputs, **options))
            seen.append(n)
            if n > rows:
                raise torch.OutOfMemoryError("no room")
            return method(*inputs, **options)

        monkeypatch.setattr(owner, name, limited)
        return seen

    return limit


def assert_alike(one: np.ndarray, other: np.ndarray) -> None:
    """Images that differ by rounding alone."""
    assert one.shape == other.shape
    assert np.abs(one.astype(int) - other).max() <= 1


@pytest.fixture
def generator(scenes: Any, siblings: Any, tmp_path: Any) -> Any:
    """One whose text encoders are frozen, as of any model that is loaded."""
    make_generator("sdxl_unet", scenes, siblings).save(tmp_path)
    return GeneratorModule.load(tmp_path)


@pytest.fixture
def captioner(scenes: Any) -> CaptionerModule:
    return make_captioner("blip2", scenes)


def test_parts_are_halved_once_and_keep_their_order() -> None:
    seen = []

    def work(part: slice) -> list[int]:
        seen.append(part.stop - part.start)
        if part.stop - part.start > 2:
            raise torch.OutOfMemoryError("no room")
        return list(range(20))[part]

    assert list(chain(*memory.in_parts("here", 10, 8, work))) == list(range(10))
    assert seen == [8, 4, 2, 2, 2, 2, 2], "what was found to fit is not tried again"
    assert memory.found() == {"here": 2}
    assert list(chain(*memory.in_parts("here", 3, 8, work))) == [0, 1, 2]
    assert memory.in_parts("here", 0, 8, work) == []


def test_one_row_that_does_not_fit_and_other_errors_are_raised() -> None:
    def full(part: slice) -> None:
        raise torch.OutOfMemoryError("no room")

    def wrong(part: slice) -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(torch.OutOfMemoryError):
        memory.in_parts("here", 4, 4, full)
    memory.forget()
    with pytest.raises(RuntimeError, match="shapes differ"):
        memory.in_parts("here", 4, 4, wrong)
    assert memory.found() == {}


@pytest.mark.parametrize("text", ["CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"])
def test_libraries_beneath_torch_say_it_in_their_own_words(text: str) -> None:
    assert memory.is_full(RuntimeError(text))
    assert not memory.is_full(ValueError(text))


def test_a_failed_try_holds_nothing_when_the_next_one_begins() -> None:
    class Held:
        alive = 0

        def __init__(self) -> None:
            Held.alive += 1

        def __del__(self) -> None:
            Held.alive -= 1

    found = []

    def work(part: slice) -> None:
        found.append(Held.alive)
        held = Held()
        if part.stop - part.start > 1:
            raise torch.OutOfMemoryError(f"no room beside {held}")

    memory.in_parts("here", 2, 2, work)
    assert found == [0, 0, 0]


def test_sampling(generator: Any, pairs: Any, room: Any) -> None:
    prompts = list(pairs.captions[:N])
    plain = generator.generate(prompts, DRAWN, SEEDS)
    seen = room(generator.family, "answer", 4)  # guidance asks for two rows an image
    made = generator.generate(prompts, DRAWN, SEEDS)
    assert_alike(plain.outputs, made.outputs)
    assert made.network_evaluations == plain.network_evaluations, "failed tries are no part of the budget"
    assert seen == [16, 8, *[4] * 8]
    assert memory.found() == {"images": 2}


def test_decoding_latents(generator: Any, pairs: Any, room: Any) -> None:
    prompts = list(pairs.captions[:N])
    plain = generator.generate(prompts, DRAWN, SEEDS)
    seen = room(generator.networks["vae"], "decode")
    assert_alike(plain.outputs, generator.generate(prompts, DRAWN, SEEDS).outputs)
    assert seen == [8, 4, 2, 2, 2, 2]
    assert memory.found() == {"decode": 2}


def test_encoding_images_and_texts(generator: Any, pairs: Any, room: Any) -> None:
    plain = generator.encode(pairs.images, pairs.captions)
    generator.encoders.cache.clear()
    generator.encoders.nothing()
    images = room(generator.networks["vae"], "encode")
    texts = room(generator.family, "conditions", of=lambda tokens: next(iter(tokens.values())))
    made = generator.encode(pairs.images, pairs.captions)
    assert (images, texts[:2]) == ([12, 6, 3, 3, 3, 3], [len(set(pairs.captions)), 6])
    assert max(texts[2:]) <= 3
    assert memory.found() == {"encode": 3, "texts": 3}
    for name, value in plain.items():
        torch.testing.assert_close(made[name], value, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("decoding", [CaptionDecoding(max_new_tokens=6),
                                      CaptionDecoding(temperature=1.0, best_of=2, max_new_tokens=6),
                                      CaptionDecoding(beams=2, max_new_tokens=6)])  # fmt: skip
def test_captioning(decoding: Any, captioner: CaptionerModule, pairs: Any, room: Any) -> None:
    plain = captioner.generate(pairs.images[:N], decoding, SEEDS)
    seen = room(captioner.family, "write")
    made = captioner.generate(pairs.images[:N], decoding, SEEDS)
    assert made == plain
    assert seen[:2] == [8, 4]
    assert set(seen[2:]) == {2}
    assert memory.found() == {"captions": 2}


def test_looking_at_images(captioner: CaptionerModule, pairs: Any, room: Any) -> None:
    plain = captioner.generate(pairs.images[:N], CaptionDecoding(max_new_tokens=6), SEEDS)
    encoded = captioner.encode(pairs.images, pairs.captions)
    room(captioner.family, "features")
    assert captioner.generate(pairs.images[:N], CaptionDecoding(max_new_tokens=6), SEEDS) == plain
    found = captioner.encode(pairs.images, pairs.captions)
    for name, value in encoded.items():
        torch.testing.assert_close(found[name], value, atol=1e-5, rtol=1e-4)


def test_likelihoods_and_the_best_of_several(captioner: CaptionerModule, pairs: Any, room: Any) -> None:
    decoding = CaptionDecoding(temperature=1.0, best_of=2, max_new_tokens=6)
    plain = captioner.log_likelihood(pairs.images, pairs.captions)
    wrote = captioner.generate(pairs.images[:N], decoding, SEEDS)
    room(captioner.family, "logits")
    np.testing.assert_allclose(captioner.log_likelihood(pairs.images, pairs.captions), plain, atol=1e-5)
    assert captioner.generate(pairs.images[:N], decoding, SEEDS) == wrote
    assert memory.found() == {"losses": 3}


@pytest.mark.parametrize("name", ["clip", "conv_dual"])
def test_features_of_judges_and_scorers(name: str, scenes: Any, pairs: Any, room: Any) -> None:
    judge = make_judge(name, scenes)
    images, texts = judge.embed_images(pairs.images), judge.embed_texts(pairs.captions)
    seen = room(judge.model, "get_image_features"), room(judge.model, "get_text_features")
    np.testing.assert_allclose(judge.embed_images(pairs.images), images, atol=1e-5)
    np.testing.assert_allclose(judge.embed_texts(pairs.captions), texts, atol=1e-5)
    assert [max(each[2:]) for each in seen] == [3, 3]
    assert memory.found() == {"features": 3}


def test_an_autoencoder_by_itself(generator: Any, pairs: Any, room: Any) -> None:
    module = AutoencoderModule(generator.networks["vae"])
    plain = module.reconstruct(pairs.images)
    room(module.vae, "decode")
    assert_alike(plain, module.reconstruct(pairs.images))


def test_fits_that_look_at_a_base(generator: Any, tmp_path: Any, pairs: Any, room: Any) -> None:
    """The pull to another model's predictions looks at all rows of a step, without gradients."""
    settings = FitSettings(2, 1e-3, N)

    def losses(limit: bool) -> list[float]:
        module, base = (GeneratorModule.load(tmp_path) for _ in range(2))
        for parameter in base.family.network.parameters():
            parameter.data.mul_(1.1)
        if limit:
            room(base.family, "answer", 2)
        objective = NearPredictions(1.0, base, settings)
        return module.fit_pairs(pairs, settings, 0, objective).losses

    assert losses(True) == pytest.approx(losses(False), rel=1e-5)
    assert memory.found() == {"losses": 2}


def test_the_step_of_a_fit_says_what_it_found(generator: Any, pairs: Any, room: Any) -> None:
    generator.execution = Execution()
    room(generator.family, "answer", 2)
    generator.fit_pairs(pairs, FitSettings(1, 1e-3, N), 0)
    assert memory.found() == {"fit": 2}
