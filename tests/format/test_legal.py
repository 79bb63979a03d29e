"""Which headers are legal: those that there are networks for."""

import itertools
import zlib

import numpy as np
import pytest

import selfvae_codec
from selfvae_codec import CodecError, HeaderError
from selfvae_codec.coding.plan import log3_step, plan_for
from selfvae_codec.format import container, header
from selfvae_codec.models.config import FIELDS, TUNES
from selfvae_codec.models.exact import weights
from selfvae_codec.models.exact.layers import T_UNITS, suffix_of

LEVELS = 2 + 8 + 1  # more than any file has
MODELS = {name: weights.read(path) for name, path in weights.installed().items()}


def names(planes, step):
    """Networks that a file of so many planes asks for, each with the range of the step of its plane."""
    for plane in range(planes):
        t = step + T_UNITS * (planes - 1 - plane)
        yield from (f"{name}{suffix_of(t)}" for name in ("synthesis", "context_at8"))
        yield from (f"{name}{suffix_of(t)}" for name in (("coarse",) if plane else ("z2_prior", "lead_prior.0")))


def accepted(step, n_levels, lossless):
    fields = {"width": 8, "height": 8, "model_id": b"fakefake", "quality": 50, "y_step": 2, "lossless": lossless}
    checks = [0] * n_levels
    try:
        return container.read_header(
            container.pack(**fields, step=step, payloads=[b""] * n_levels, symbol_checks=checks)
        )
    except CodecError:
        return None


def test_every_step_and_number_of_planes_is_legal_where_there_are_networks_for_it_and_nowhere_else():
    for step in (*range(0, 256, 17), *range(200, 1480), 2000, 4095, 65535):
        found = accepted(step, 1, False)
        assert (found is not None) == (256 <= step <= 1408)
        for planes in range(1, 9):
            coarsest = step + T_UNITS * (planes - 1)
            alone = planes == 1 or coarsest - T_UNITS < header.FIRST_STEP
            fits = found is not None and coarsest >= header.FIRST_STEP and alone
            assert fits == (found is not None and found.planes == planes), (step, planes)
            if fits:
                for model in MODELS.values():
                    missing = [name for name in names(planes, step) if name not in model.nets]
                    assert not missing, (step, planes, missing)
    for model in MODELS.values():  # and where it is not legal there is none
        assert f"lead_prior.0{suffix_of(831)}" not in model.nets and f"coarse{suffix_of(832)}" not in model.nets


@pytest.mark.parametrize("step", [256, 320, 575, 576, 831, 832, 1000, 1408])
@pytest.mark.parametrize("lossless", [False, True])
def test_a_file_holds_as_many_levels_as_its_step_makes_and_no_more(step, lossless):
    most = 2 + header.planes_of(step) + lossless
    for n_levels in range(1, LEVELS):
        assert (accepted(step, n_levels, lossless) is not None) == (n_levels <= most)


def test_what_an_encoder_writes_is_legal_at_every_quality():
    for tune, lossless in itertools.product(TUNES, (False, True)):
        for quality in np.linspace(0, 100, 401):
            plan = plan_for(8, 8, quality, tune=tune, lossless=lossless)
            assert header.FINEST_STEP <= plan.step <= header.COARSEST_STEP
            assert plan.planes == header.planes_of(plan.step)
            assert lossless or plan.step == round(T_UNITS * log3_step(quality, tune))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("step", [256, 832, 1408])
def test_a_legal_header_before_bytes_that_say_nothing_ends_in_an_error_of_ours_or_a_picture(model, step):
    for y_step, tune, grey, lossless, activity in itertools.product(
        (1, 16), range(len(FIELDS)), (False, True), (False, True), (False, True)
    ):
        n_levels = 2 + header.planes_of(step) + lossless
        data = container.pack(
            width=9, height=7, model_id=MODELS[model].model_id, step=step, quality=50, y_step=y_step, tune=tune,
            grey=grey, lossless=lossless, activity=activity, payloads=[b"\1"] * n_levels, symbol_checks=[0] * n_levels,
        )  # fmt: skip
        try:
            assert selfvae_codec.decode(data).shape == (7, 9, 3)
        except CodecError:
            pass


def test_a_table_that_no_writer_writes_is_refused():
    fields = {"width": 8, "height": 8, "model_id": b"fakefake", "step": 640, "quality": 50, "y_step": 2}
    empty = container.pack(**fields, payloads=[b"one"], symbol_checks=[0], metadata=b"")
    with pytest.raises(HeaderError, match="metadata that is empty"):
        container.read_header(empty)
    data = container.pack(**fields, payloads=[b"one"], symbol_checks=[0])
    longer = data[:24] + bytes(4) + b"\x83\x00" + data[29:]
    crc = zlib.crc32(longer[:24] + longer[28:34]).to_bytes(4, "little")
    with pytest.raises(HeaderError, match="more bytes than it needs"):
        container.read_header(longer[:24] + crc + longer[28:])
