"""Training end to end on pictures made here: run, resume, export, encode with the result."""

import contextlib
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import TINY, make_picture, torch_as_it_was
from filelock import FileLock
from PIL import Image
from safetensors.torch import load_file
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from selfvae_codec import CodecError
from selfvae_codec.models import tables
from selfvae_codec.models.config import T_FIRST, Config, planes_for, y_step_for
from selfvae_codec.models.exact import weights
from selfvae_codec.models.exact.layers import RANGES, suffix_of
from selfvae_codec.models.networks import logistic
from selfvae_codec.models.networks.layers import Net
from selfvae_codec.models.networks.logistic import latent_bits
from selfvae_codec.models.networks.selfvae import SelfVAE
from selfvae_codec.models.networks.steps import STEP_ROWS, first_plane, y_steps
from selfvae_codec.models.training import train
from selfvae_codec.models.training.export import load_averaged
from selfvae_codec.models.training.likelihood import stream_bits
from selfvae_codec.models.training.muon import SCALE, orthogonal
from selfvae_codec.models.training.objectives import OBJECTIVES, draw_steps, picture_loss, refining_of

SMALL = TINY | {"prior_width": 16}
OVERRIDES = [word for field, value in SMALL.items() for word in ("--set", f"{field}={value}")]


def run(*arguments):
    done = subprocess.run([sys.executable, "-m", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run of each part of a small model, two workers for the first, then resumed."""
    root = tmp_path_factory.mktemp("training")
    (root / "pictures").mkdir()
    for i in range(4):
        Image.fromarray(make_picture(300, 280, seed=i)).save(root / "pictures" / f"{i}.png")
    (root / "watched").mkdir()
    Image.fromarray(make_picture(256, 256)).save(root / "watched" / "a.png")
    common = ["--data", root / "pictures", "--cache", root / "cache", *OVERRIDES]
    module = "selfvae_codec.models.training.train"
    first = ["--out", root / "z", "--batch", 8, "--crop", 64, "--watch", root / "watched"]
    run("torch.distributed.run", "--standalone", "--nproc-per-node", 2, "-m", module, *common, *first, "--hours", 0.001)

    def here(*arguments):  # torch takes seconds to load anew
        train.main([str(word) for word in (*common, *arguments)])

    decoder = ["--part", "decoder", "--init", root / "z" / "averaged.safetensors", "--out", root / "d"]
    representations = ["--part", "representations", "--crop", 256, "--batch", 4]
    pixels = ["--part", "pixels", "--init", root / "d" / "averaged.safetensors", "--crop", 64, "--batch", 2]
    with torch_as_it_was():
        here(*first, "--hours", log_of(root / "z")[-1]["hours"] + 0.001)
        here(*decoder, "--batch", 8, "--crop", 64, "--hours", 0.001)
        here("--out", root / "y", "--hours", 0.001, *representations)
        here("--out", root / "x", "--hours", 0.001, *pixels)
    return root


def test_workers_train_streams_of_one_plane_whose_other_networks_rest(trained, tmp_path):
    arguments = ["--data", trained / "pictures", "--cache", trained / "cache", *OVERRIDES, "--set", "t_lossless=3.0"]
    arguments += ["--part", "stream", "--out", tmp_path, "--batch", 1, "--crop", 64, "--hours", 0.0005]
    module = "selfvae_codec.models.training.train"
    run("torch.distributed.run", "--standalone", "--nproc-per-node", 2, "-m", module, *arguments)
    assert log_of(tmp_path)[-1]["step"] > 2


def test_a_run_resumes_where_it_stopped(trained):
    log = log_of(trained / "z")
    starts = [row for row in log if row.get("event") == "start"]
    assert [row["workers"] for row in starts] == [2, 1]
    assert starts[1]["step"] > 0
    assert log[-1]["step"] > starts[1]["step"]
    assert log[-1]["lr"] == 0, "the learning rate decays to zero at the end"
    assert all(np.isfinite(row["loss"]) for row in log if "loss" in row)


def test_a_run_watches_pictures_that_it_does_not_train_on(trained):
    rows = [row for row in log_of(trained / "z") if row.get("event") == "watch"]
    assert rows[0]["step"] == 0, "what it starts from"
    for row in rows:
        points = [row[name] for name in sorted(name for name in row if name.startswith("t_"))]
        assert len(points) == 4
        for finer, coarser in zip(points, points[1:]):
            assert finer["bpp"] > coarser["bpp"] and finer["psnr_db"] > coarser["psnr_db"]


def test_the_decoder_learns_on_while_the_encoder_stays(trained):
    before, after = (load_file(trained / part / "averaged.safetensors") for part in ("z", "d"))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith("synthesis_net.") for name in moved) and any(
        name.startswith("groups.") for name in moved
    )
    others = ("hyper_analysis", "y1_prior", "y2_prior", "pixel_prior")
    assert not any(name.startswith(others) for name in moved)


def test_pixels_learn_on_fixed_latents(trained):
    before, after = (load_file(trained / part / "averaged.safetensors") for part in ("d", "x"))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and all(name.startswith("pixel_prior.") for name in moved)


def test_a_trained_model_exports_within_the_bound_and_loads(trained):
    out = trained / "small.safetensors"
    runs = ["--latents", trained / "d", "--representations", trained / "y", "--pixels", trained / "x"]
    rest = ["--floats", trained / "floats.safetensors", "--cache", trained / "cache", "--crop", 128, "--out", out]
    text = run("selfvae_codec.models.training.export", *runs, *rest)
    loaded = weights.read(out)
    assert loaded.model_id.hex() in text
    assert loaded.config.prior_width == 16
    assert loaded.largest_sum < 2**24
    assert {f"synthesis{suffix_of(start)}" for start in RANGES} < set(loaded.nets)
    floats = load_file(trained / "floats.safetensors")
    assert torch.equal(
        floats["context.at16.stem.weight"],
        load_file(trained / "d" / "averaged.safetensors")["context.at16.stem.weight"],
    )
    assert (trained / "floats.json").read_text() == loaded.config.to_json()


def test_runs_of_other_configurations_are_not_exported_together(trained):
    config = json.loads((trained / "d" / "config.json").read_text())
    wider = SelfVAE(Config(**config | {"y_width": 16}))
    with pytest.raises(CodecError, match=r"/y has u_prior\..*: export runs of one configuration"):
        load_averaged(wider, {"latents": trained / "d", "representations": trained / "y", "pixels": trained / "x"})


def test_curves_can_be_plotted(trained):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'selfvae-codec[train]'")
    run("selfvae_codec.models.training.plot", trained / "z", "-o", trained / "curve.svg")
    assert (trained / "curve.svg").stat().st_size > 1000


def test_a_configuration_with_unknown_fields_is_refused():
    assert Config.from_json(Config().to_json()) == Config()
    with pytest.raises(ValueError, match="colour"):
        Config.from_json('{"colour": 3}')
    with pytest.raises(ValueError, match="192"):
        Config(groups=(1, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "colour=3"], "unknown configuration fields: colour"),
        (["--set", "y_width"], "--set y_width, which takes FIELD=JSON, is not JSON"),
        (["--set", "hyper_stride=8"], "hyper_stride must be 16, 32 or 64"),
        (["--init", __file__], "holds no float weights"),
        (["--crop", "512"], "no training picture has both sides of at least 512 pixels"),
        (["--device", "abacus"], "--device abacus cannot be had"),
        ([], "another training writes to"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) and value else None,
)
def test_what_cannot_be_trained_is_refused_in_words(trained, tmp_path, arguments, message):
    known = ["--data", trained / "pictures", "--cache", trained / "cache", "--out", tmp_path / "run", "--hours", 0.001]
    (tmp_path / "run").mkdir()
    with contextlib.nullcontext() if arguments else FileLock(tmp_path / "run" / "lock"):
        with pytest.raises(CodecError, match=message):
            train.main([str(word) for word in [*known, *(arguments or ["--crop", 64])]])


@pytest.mark.parametrize("stride", [16, 2], ids=["photographs", "small pictures"])
def test_everything_is_computed_where_the_pictures_are(stride):
    """On torch's meta device, which computes nothing but refuses to mix with the CPU as any accelerator does."""
    config = Config(**TINY, representations=(("downscale", 2 * stride), ("downscale", stride)))
    model = SelfVAE(config).to("meta")
    x = torch.empty(4, 3, 128, 128, device="meta")
    t = torch.tensor([1.5, 2.5, 3.5, 4.5])
    some = torch.tensor([True, False, True, False])
    terms = model(x, t, y_steps(t), nothing=some, chosen=~some)
    losses = [picture_loss(terms, t, 0.7, 1.0), model.pixel_bits(x, terms.x_hat, y_steps(t), probe=48)]
    losses += [*model.representation_bits(x, y_steps(t)).values(), *stream_bits(model, x).values()]
    sum(loss.mean() for loss in losses).backward()
    assert all(p.grad.device.type == "meta" for p in model.parameters())


@pytest.mark.parametrize("part", OBJECTIVES)
def test_objectives_are_sequences_of_operations_that_a_device_can_record(part):
    """The meta device has no values: whatever asked for one, to decide what comes next, would fail.

    And nothing may come from the CPU later, as a list of indices does: a recording has no place for it.
    """

    def storages(tensors):
        return {v.untyped_storage() for v in tree_leaves(tensors) if torch.is_tensor(v) and v.ndim}

    class OnTheDevice(TorchDispatchMode):
        def __init__(self, *tensors):
            super().__init__()
            self.known = storages(tensors)

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            assert storages((args, kwargs)) <= self.known, f"{func} reads what comes from elsewhere"
            out = func(*args, **(kwargs or {}))
            assert all(storage.device.type == "meta" for storage in storages(out)), f"{func} computes elsewhere"
            self.known |= storages(out)
            return out

    model = SelfVAE(Config(**TINY)).to("meta")
    objective = OBJECTIVES[part](model, 0.7)
    names, drawn = objective.draw(torch.Generator().manual_seed(0), 4)
    drawn = [value.to("meta") for value in (torch.tensor(0.5), *drawn)]
    x = torch.empty(4, 6 if part == "pixels" else 3, 128, 128, device="meta")
    with OnTheDevice(x, drawn, *model.parameters(), *model.buffers()):
        loss, measured = objective(x, *drawn)
        loss.backward()
    assert all((p.grad is not None) == p.requires_grad for p in model.parameters())
    assert measured.shape == (len(names), len(objective.measured)) and not measured.requires_grad


def test_a_step_that_is_not_finite_is_not_taken():
    model = torch.nn.Linear(3, 1, bias=False)
    torch.nn.init.ones_(model.weight)
    state = train.State(model, decay=0.9)
    for gradient, moves in ((float("nan"), False), (1.0, True)):
        state.descend((gradient * model.weight).sum(), rate=1e-3)
        assert (model.weight != 1).all() == moves and torch.isfinite(model.weight).all()


def test_matrices_of_blocks_move_along_all_directions_alike_and_on_from_a_checkpoint(tmp_path):
    def state():
        torch.manual_seed(0)
        return train.State(Net(3, 16, 2, 2), decay=0.9, optimiser="muon")

    def loss(net):
        return net([torch.ones(2, 3, 4, 4)], torch.ones(2, STEP_ROWS)).square().mean()

    straight, halted = state(), state()
    before = straight.model.blocks[0].expand.weight.detach().clone()
    straight.descend(loss(straight.model), rate=1e-2)
    moved = (straight.model.blocks[0].expand.weight - before).flatten(1)
    longest = 1e-2 * SCALE * 16**0.5
    assert torch.linalg.matrix_norm(moved, 2).item() == pytest.approx(longest, rel=0.4)
    halted.descend(loss(halted.model), rate=1e-2)
    halted.save(tmp_path / "checkpoint.pt")
    resumed = state()
    resumed.load(tmp_path / "checkpoint.pt", torch.device("cpu"))
    for each in (straight, resumed):
        each.descend(loss(each.model), rate=1e-2)
    assert all(torch.equal(a, b) for a, b in zip(straight.model.parameters(), resumed.model.parameters()))
    straight.descend(loss(straight.model) * float("nan"), rate=1e-2)
    assert all(torch.isfinite(parameter).all() for parameter in straight.model.parameters())


def test_a_matrix_that_no_gradient_reaches_any_more_stays_as_it_is():
    faint = torch.randn((2, 64, 64), generator=torch.Generator().manual_seed(0))
    for norm in 10.0 ** -torch.arange(15, 46, dtype=torch.float64):
        assert orthogonal((faint.double() / faint.norm() * norm).float()).abs().max() < 1e-3


def test_the_nearest_orthogonal_matrices_have_singular_values_near_one():
    for shape in ((3, 16, 16), (3, 8, 24), (3, 24, 8)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape, generator=torch.Generator().manual_seed(0))))
        assert 0.3 < values.min() and values.max() < 1.3


def test_workers_are_for_a_cpu():
    with pytest.raises(CodecError, match="start the command alone"):
        train.device_of("meta", workers=2)
    assert train.device_of("cpu", workers=2).type == "cpu"


def test_networks_that_shall_learn_alone_are_the_only_ones_and_unknown_ones_are_named():
    model = SelfVAE(Config(**SMALL))
    with pytest.raises(CodecError, match="--alone dreams: this model's networks are .*pixel_prior"):
        train.hold_others(model, ["pixel_prior", "dreams"])
    assert all(parameter.requires_grad for parameter in model.parameters())
    train.hold_others(model, ["pixel_prior"])
    learning = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert learning == {"pixel_prior"}


def test_planes_nest_from_one_range_of_coarsest_steps():
    for t in np.arange(1.0, 5.5, 0.05):
        planes = planes_for(t)
        coarsest = t + planes - 1
        assert coarsest >= T_FIRST and (planes == 1 or coarsest < T_FIRST + 1)
        assert y_step_for(coarsest) in (1, 2, 4, 8, 16)


def test_every_stratum_of_steps_is_drawn_in_order():
    rng = torch.Generator().manual_seed(0)
    for _ in range(50):
        t, y_step, nothing = draw_steps(rng, 8)
        assert (t.diff() > 0).all() and (t < T_FIRST).sum() == refining_of(8) == 3
        assert t[:3].diff().max() < 2 * 1.6875 / 3 and t[3:].diff().max() < 2 * 2.6125 / 5
        assert not nothing[t < T_FIRST].any()
        assert [y_step_for(v) for v in first_plane(t).tolist()] == y_step.tolist()


def test_training_counts_the_bits_that_the_tables_charge():
    """The discretised logistic of training against the integer tables of the codec."""
    frequencies = tables.symbol_frequencies()
    for level, fraction in ((10, 3), (30, 8), (50, 15)):
        mean = float(tables.fraction_means()[fraction])
        log2_scale = tables.LOG2_SCALE_MIN + tables.LOG2_SCALE_STEP * level
        symbols = torch.arange(-3.0, 4.0)
        bits = latent_bits(symbols, symbols, torch.tensor(mean), torch.tensor(log2_scale), None)
        charged = -np.log2(frequencies[level * tables.FRACTIONS + fraction, tables.TAIL - 3 : tables.TAIL + 4] / 2**24)
        likely = charged < 16  # rarer symbols are rounded up to what a table can say
        assert np.allclose(bits.numpy()[likely], charged[likely], atol=0.02)


def test_digits_of_a_bin_sum_to_one():
    scale, mean = torch.tensor(0.7), torch.tensor(0.4)
    parts = [logistic.log_bin_prob(torch.tensor(d) - mean, scale, 0.5).exp() for d in (-1.0, 0.0, 1.0)]
    whole = logistic.log_bin_prob(0 - mean, scale, 1.5).exp()
    assert torch.isclose(sum(parts), whole)
