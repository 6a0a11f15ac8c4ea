"""The speed measurement on tiny models, and compiled sampling as far as a CPU can tell."""

import json
import math

import numpy as np
import pytest
import torch

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion import autoencoding, compiled
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.fitting.devices import device
from lightning_modules.fitting.precision import own_precision
from lightning_modules.settings import CaptionDecoding, Execution, FitSettings, ImageDecoding, Lora
from lightning_modules.speed import __main__ as speed
from lightning_modules.speed import measure, models, table
from lightning_modules.speed.measure import Budget, Row, Work
from lightning_modules.tiny import captioners, generators

torch.set_num_threads(1)
PROMPTS = ("red dot", "blue box", "green bar", "pink sky", "red box")
SEEDS = np.arange(5, dtype=np.uint64)
DECODING = ImageDecoding(2, 2.0)


def module_of(name):
    pipeline = generators.make(name)
    settings = {k: v for k, v in pipeline.config.items() if isinstance(v, bool)}
    return GeneratorModule(type(pipeline).__name__, pipeline.components, settings, size=generators.SIZE)


def bytes_of(network):
    return {k: (v.dtype, v.clone()) for k, v in network.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(a[k][0] == b[k][0] and torch.equal(a[k][1], b[k][1]) for k in a)


# --- the measurement


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    out = tmp_path_factory.mktemp("speed") / "found.json"
    found = speed.main(["--size", "tiny", "--steps", "2,3", "--out", str(out)])
    assert json.loads(out.read_text()) == json.loads(json.dumps(found))
    return found


def test_every_task_is_measured_on_both_sides(found):
    tasks = ["SDXL, 2 steps", "SDXL, 3 steps", "SDXL, LoRA training", "BLIP-2, captions", "BLIP-2, LoRA training"]
    assert [entry["task"] for entry in found["comparison"]] == tasks
    assert {(row["task"], row["side"]) for row in found["rows"]} == {(t, s) for t in tasks for s in ("ours", "plain")}
    assert len(found["rows"]) == 2 * len(tasks)
    for row in found["rows"]:
        assert row["skipped"] == ""
        assert math.isfinite(row["rate"])
        assert row["rate"] > 0
        assert row["batch"] in (1, 2)
        assert row["warmup"] > 0
    for entry in found["comparison"]:
        assert entry["met"] == (entry["ratio"] >= entry["target"])


def test_both_sides_do_the_same_work(found):
    sides = {(row["task"], row["side"]): row for row in found["rows"]}
    for entry in found["comparison"]:
        plain, ours = (sides[entry["task"], side] for side in ("plain", "ours"))
        assert plain["unit"] == ours["unit"]
        assert plain["steps"] == ours["steps"]
        assert plain["made"] / plain["batch"] == ours["made"] / ours["batch"]  # batches may differ, their number not
    assert [sides[f"SDXL, {n} steps", "ours"]["steps"] for n in (2, 3)] == [2, 3]
    assert sides["BLIP-2, captions", "ours"]["steps"] == models.SIZES["tiny"].tokens


def test_what_does_not_fit_into_the_budget_says_so():
    names = ("task", "ours", "images/s")
    row = measure.row(names, lambda batch: pytest.fail("it ran"), (4, {4: 1.0}), Budget(10), 60)
    assert row.rate == 0
    assert row.skipped.startswith("needs about 60 s of ")
    written = table.text([row, Row("task", "plain", "images/s", 4, 2.0)], "tiny")
    assert "skipped: task, ours: needs about 60 s of " in written
    assert table.compared([row])[0]["met"] is None


def test_a_sweep_stops_where_it_gains_nothing_and_where_memory_ends():
    def work(rates):
        def of(batch):
            if batch not in rates:
                raise torch.OutOfMemoryError("full")
            return Work(batch, batch / rates[batch], 0.0, 1)

        return of

    sizes = [1, 2, 4, 8]
    assert measure.sweep(work({1: 1.0, 2: 2.0, 4: 2.0, 8: 9.0}), sizes, Budget(60))[0] == 2
    best, rates = measure.sweep(work({1: 1.0, 2: 2.0}), sizes, Budget(60))
    assert (best, list(rates)) == (2, [1, 2])
    assert measure.sweep(work({}), sizes, Budget(60)) == (0, {})
    assert "fits" in measure.row(("t", "ours", "u"), work({}), (0, {}), Budget(60), 0).skipped


def test_targets_are_met_or_missed_by_the_ratio():
    rows = [Row("SDXL, 30 steps", s, "images/s", 1, r) for s, r in (("plain", 1.0), ("ours", 1.25))]
    rows += [Row("SDXL, LoRA training", s, "samples/s", 1, r) for s, r in (("plain", 1.0), ("ours", 1.49))]
    assert [(e["target"], e["met"]) for e in table.compared(rows)] == [(1.25, True), (1.5, False)]
    assert "1.25x met" in table.text(rows, "full")
    assert "1.50x missed" in table.text(rows, "full")


def test_wrong_arguments_are_named(capsys, monkeypatch):
    monkeypatch.setattr(speed, "device", lambda: torch.device("cpu"))
    for arguments, words in [
        (["--only", "sdxl,flux"], "found 'flux'; allowed: sdxl, blip2"),
        (["--steps", "30,0"], "found '30,0'; allowed: numbers above 0"),
        (["--size", "full"], "needs a CUDA GPU"),
    ]:
        with pytest.raises(SystemExit):
            speed.main(arguments)
        assert words in capsys.readouterr().err


def test_full_size_is_what_was_published():
    """Parameters of the published checkpoints, counted without memory for them."""
    with torch.device("meta"):
        pipeline = models.sdxl_networks()
        blip = models.blip_2_network()
    count = {name: sum(p.numel() for p in network.parameters()) for name, network in pipeline.items()}
    assert count["unet"] == 2_567_463_684
    assert count["vae"] == 83_653_863
    assert count["text_encoder"] == 123_060_480
    assert count["text_encoder_2"] == 694_659_840
    assert sum(p.numel() for p in blip.parameters()) == pytest.approx(3_744_761_856, rel=0.001)


# --- compiled sampling


def test_on_a_cpu_compiling_changes_nothing():
    module = module_of("sdxl")
    if device().type == "cuda":
        pytest.skip("this is about machines without an accelerator")
    plain = module.generate(PROMPTS, DECODING, SEEDS)
    module.execution = Execution(compile=True)
    assert not module.compiles
    again = module.generate(PROMPTS, DECODING, SEEDS)
    assert np.array_equal(plain.outputs, again.outputs)
    assert module.family.network._compiled_call_impl is None


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, Lora(2, 4.0)])
def test_compiled_sampling_draws_the_same_images_with_one_shape(lora, monkeypatch):
    """The tracing is real; what it finds is run as it is, since a CPU has no kernels to gain."""
    made = []

    def backend(graph, inputs):
        made.append([tuple(i.shape) for i in inputs if isinstance(i, torch.Tensor) and i.shape[1:] == (4, 8, 8)])
        return graph.forward

    module = module_of("sdxl")
    network = module.family.network
    pairs = models.pairs(models.images(4, generators.SIZE), PROMPTS[:4])
    if lora:
        module.fit_pairs(pairs, FitSettings(1, 1e-1, 2, lora=lora), 0)
    module.batch_size = 2
    plain = module.generate(PROMPTS, DECODING, SEEDS)
    before, trained = bytes_of(module), [n for n, p in module.named_parameters() if p.requires_grad]
    monkeypatch.setattr(GeneratorModule, "compiles", property(lambda module: module.execution.compile))
    monkeypatch.setattr(compiled, "OPTIONS", {"dynamic": False, "backend": backend})
    module.execution = Execution(compile=True)
    torch.compiler.reset()
    for _ in range(2):
        found = module.generate(PROMPTS, DECODING, SEEDS)
        assert found.network_evaluations == plain.network_evaluations
        assert np.abs(found.outputs.astype(int) - plain.outputs).max() <= 1
    assert {shape for shapes in made for shape in shapes} == {(4, 4, 8, 8)}, "five images, two at a time, twice each"
    assert len([shapes for shapes in made if shapes]) == 1, "and neither the last one nor a second call compiles anew"
    assert same(before, bytes_of(module))
    assert [n for n, p in module.named_parameters() if p.requires_grad] == trained
    assert network._compiled_call_impl is None
    assert module.rows == 0
    module.execution = Execution()
    assert np.array_equal(module.generate(PROMPTS, DECODING, SEEDS).outputs, plain.outputs)


def test_many_models_of_one_class_stay_compiled(monkeypatch):
    """torch gives up on a class after eight versions, and says nothing; an ensemble and its decodings have more."""

    class Network(torch.nn.Module):
        def forward(self, latents):
            return self.layer(latents)

    class Module:
        lora, merges, rows = None, False, 0

    ran = []
    monkeypatch.setattr(compiled, "OPTIONS", {"dynamic": False, "backend": lambda graph, _: counted(graph.forward)})

    def counted(forward):
        return lambda *inputs: ran.append(1) or forward(*inputs)

    torch.compiler.reset()
    for width in range(1, 13):
        module, network = Module(), Network()
        network.layer, module.family = torch.nn.Linear(width, 2), Module()
        module.family.network = network
        with compiled._compiled(module, 4), torch.no_grad():
            assert network(torch.zeros(4, width)).shape == (4, 2)
    assert len(ran) == 12


def test_compiled_or_not_a_fit_is_the_same(monkeypatch):
    pairs = models.pairs(models.images(4, generators.SIZE), PROMPTS[:4])
    states = []
    for compile in (False, True):
        module = module_of("sdxl")
        module.execution = Execution(compile=compile)
        with monkeypatch.context() as patch:
            patch.setattr(GeneratorModule, "compiles", property(lambda module: module.execution.compile))
            patch.setattr(torch.nn.Module, "compile", lambda self, **options: None)
            module.generate(PROMPTS, DECODING, SEEDS)
        module.fit_pairs(pairs, FitSettings(2, 1e-2, 2), 0)
        states.append(bytes_of(module))
    assert same(*states)


@pytest.mark.parametrize("name", ["sdxl", "sd21", "pixart_alpha", "flux_dev"])
def test_fused_projections_answer_the_same_and_leave_nothing_behind(name):
    module = module_of(name)
    network = module.family.network
    plain = module.generate(PROMPTS[:2], DECODING, SEEDS[:2]).outputs
    before = bytes_of(network)
    with compiled.fused(network):
        added = set(network.state_dict()) - set(before)
        assert any("to_qkv" in key for key in added)
        inside = module.generate(PROMPTS[:2], DECODING, SEEDS[:2]).outputs
    assert np.abs(inside.astype(int) - plain).max() <= 1
    assert same(before, bytes_of(network))
    assert not any(getattr(m, "fused_projections", False) for m in network.modules())
    assert np.array_equal(module.generate(PROMPTS[:2], DECODING, SEEDS[:2]).outputs, plain)


@pytest.mark.parametrize(("name", "allowed"), [("sdxl", False), ("sd3", True)])
def test_what_would_answer_otherwise_is_not_fused(name, allowed):
    """Adapters sit on the single projections; diffusers forgets the norms of Stable Diffusion 3 when it fuses."""
    network = module_of(name).family.network
    before, processors = set(network.state_dict()), [type(p) for p in network.attn_processors.values()]
    with compiled.fused(network, allowed):
        assert set(network.state_dict()) == before
        assert [type(p) for p in network.attn_processors.values()] == processors


def test_large_images_are_decoded_in_pieces(monkeypatch):
    module = module_of("sdxl")
    vae, latents = module.networks["vae"], torch.randn(5, 4, 8, 8)
    sizes = []
    decode = type(vae).decode
    monkeypatch.setattr(type(vae), "decode", lambda self, z, **o: sizes.append(len(z)) or decode(self, z, **o))
    with torch.no_grad():
        whole = autoencoding.decoded(vae, latents)
        assert sizes == [5]
        monkeypatch.setattr(autoencoding, "PIXELS_AT_ONCE", 2 * generators.SIZE**2)
        pieces = autoencoding.decoded(vae, latents)
    assert sizes[1:] == [2, 2, 1]
    assert np.abs(whole.astype(int) - pieces).max() <= 1


@pytest.mark.parametrize(("n", "batch", "rows"), [(1, 64, 1), (3, 64, 4), (64, 64, 64), (1000, 64, 64), (5, 6, 6)])
def test_rows_are_few_different_numbers(n, batch, rows):
    assert compiled.rows_for(n, batch) == rows


def test_own_precision_is_that_of_the_weights():
    network = torch.nn.Linear(2, 2, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        with own_precision(network):
            assert not torch.is_autocast_enabled("cpu")
        with own_precision(network, allowed=False):
            assert torch.is_autocast_enabled("cpu")
        with own_precision(torch.nn.ModuleList([network, torch.nn.Linear(2, 2)])):
            assert torch.is_autocast_enabled("cpu")
    with own_precision(network):
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("name", ["blip_2_opt", "idefics2"])
def test_pixels_made_on_several_threads_are_the_same(name, tmp_path, monkeypatch):
    captioners.write(name, tmp_path)
    module = CaptionerModule.load(tmp_path)
    images = models.images(5, 40)
    one = module._pixels(images)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert torch.equal(module._pixels(images), one)
    assert len(module.generate(images, CaptionDecoding(max_new_tokens=2), SEEDS).outputs) == 5


@pytest.mark.parametrize("wanted", [False, True])
def test_a_compiled_captioner_in_bfloat16_writes_without_autocast(wanted, tmp_path, monkeypatch):
    captioners.write("blip_2_opt", tmp_path)
    module, casts = CaptionerModule.load(tmp_path, dtype="bfloat16"), []
    monkeypatch.setattr(CaptionerModule, "compiles", wanted)
    module.model.qformer.register_forward_pre_hook(lambda *_: casts.append(torch.is_autocast_enabled("cpu")))
    found = module.generate(models.images(3, 16), CaptionDecoding(max_new_tokens=3), SEEDS[:3])
    assert casts == [not wanted]
    assert len(found.outputs) == 3


def test_a_row_that_fails_says_why_and_the_others_go_on():
    def fails(batch):
        raise RuntimeError("no C compiler\nfound here")

    row = measure.row(("t", "ours", "u"), fails, (2, {2: 1.0}), Budget(60), 0)
    assert (row.rate, row.skipped) == (0.0, "RuntimeError: no C compiler")
