"""Which headers are legal: those that there are networks for."""

import itertools
import zlib

import numpy as np
import pytest

import selfvae_codec
from selfvae_codec import CodecError, HeaderError
from selfvae_codec.coding.plan import log3_step, plan_for
from selfvae_codec.format import container, fields
from selfvae_codec.models.config import FALLS, TUNES, y_step_for
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


def accepted(step, n_levels, lossless, **changes):
    """The header of a file with these fields, all others as an encoder sets them; None if it is refused."""
    usual = {"quality": 100} if lossless else {"quality": 50, "fall": 6}
    usual |= {"width": 8, "height": 8, "model_id": b"fakefake", "y_step": fields.y_step_of(step)}
    checks = [0] * n_levels
    try:
        data = container.pack(
            **usual | changes, step=step, lossless=lossless, payloads=[b""] * n_levels, symbol_checks=checks
        )
    except CodecError:
        return None
    return container.read_header(data)


def test_every_step_and_number_of_planes_is_legal_where_there_are_networks_for_it_and_nowhere_else():
    for step in (*range(0, 256, 17), *range(200, 1480), 2000, 4095, 65535):
        found = accepted(step, 1, False)
        assert (found is not None) == (256 <= step <= 1408)
        for planes in range(1, 9):
            coarsest = step + T_UNITS * (planes - 1)
            alone = planes == 1 or coarsest - T_UNITS < fields.FIRST_STEP
            fits = found is not None and coarsest >= fields.FIRST_STEP and alone
            assert fits == (found is not None and found.planes == planes), (step, planes)
            if fits:
                for model in MODELS.values():
                    missing = [name for name in names(planes, step) if name not in model.nets]
                    assert not missing, (step, planes, missing)
    for model in MODELS.values():  # and where it is not legal there is none
        assert (
            f"lead_prior.0{suffix_of(fields.FIRST_STEP - 1)}" not in model.nets
            and f"coarse{suffix_of(fields.FIRST_STEP)}" not in model.nets
        )


@pytest.mark.parametrize("step", [256, 320, 431, 432, 687, 688, 1000, 1408])
@pytest.mark.parametrize("lossless", [False, True])
def test_a_file_holds_as_many_levels_as_its_step_makes_and_no_more(step, lossless):
    most = 2 + fields.planes_of(step) + lossless
    for n_levels in range(1, LEVELS):
        assert (accepted(step, n_levels, lossless) is not None) == (n_levels <= most)


def test_what_an_encoder_writes_is_legal_at_every_quality():
    for tune, lossless in itertools.product(TUNES, (False, True)):
        for quality in np.linspace(0, 100, 401):
            plan = plan_for(8, 8, quality, tune=tune, lossless=lossless)
            assert fields.FINEST_STEP <= plan.step <= fields.COARSEST_STEP
            assert plan.planes == fields.planes_of(plan.step)
            assert lossless or plan.step == round(T_UNITS * log3_step(quality, tune))
            said = {"y_step": plan.y_step, "fall": plan.fall, "activity": plan.activity}
            assert accepted(plan.step, plan.count, lossless, **said), said


def test_of_flags_fall_quality_and_step_of_y_those_are_legal_together_that_an_encoder_writes():
    """A lossless file has its own quality and no step field; the step of y follows from that of latents."""
    for step in (256, 640, 688, 778, 779, 940, 941, 1101, 1102, 1263, 1264, 1408):
        coarsest = step + T_UNITS * (fields.planes_of(step) - 1)
        for lossless, fall, quality, y_step in itertools.product((False, True), (0, 1, 7, 8), (0, 99, 100), range(18)):
            kinds = fall == 0 and quality == 100 if lossless else fall < FALLS and quality < 100
            due = kinds and y_step == y_step_for(coarsest / T_UNITS)
            for activity, grey, deep in itertools.product((False, True), repeat=3):
                said = {"fall": fall, "quality": quality, "y_step": y_step, "activity": activity}
                found = accepted(step, 1, lossless, **said, grey=grey, deep=deep)
                assert (found is not None) == (due and not (lossless and activity)), (step, lossless, said)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("step", [256, 688, 1408])
def test_a_legal_header_before_bytes_that_say_nothing_ends_in_an_error_of_ours_or_a_picture(model, step):
    for fall, lossless, grey, deep, activity in itertools.product((0, FALLS - 1), *[(False, True)] * 4):
        if lossless and (activity or fall):
            continue
        n_levels = 2 + fields.planes_of(step) + lossless * (1 + deep)
        data = container.pack(
            width=9, height=7, model_id=MODELS[model].model_id, step=step, quality=100 if lossless else 50,
            y_step=fields.y_step_of(step), fall=fall, grey=grey, lossless=lossless, activity=activity, deep=deep,
            payloads=[b"\1"] * n_levels, symbol_checks=[0] * n_levels,
        )  # fmt: skip
        try:
            assert selfvae_codec.decode(data).shape == (7, 9, 3)
        except CodecError:
            pass


def test_a_table_that_no_writer_writes_is_refused():
    usual = {"width": 8, "height": 8, "model_id": b"fakefake", "step": 640, "quality": 50, "y_step": 2}
    empty = container.pack(**usual, payloads=[b"one"], symbol_checks=[0], metadata=b"")
    with pytest.raises(HeaderError, match="metadata that is empty"):
        container.read_header(empty)
    data = container.pack(**usual, payloads=[b"one"], symbol_checks=[0])
    longer = data[:24] + bytes(4) + b"\x83\x00" + data[29:]
    crc = zlib.crc32(longer[:24] + longer[28:34]).to_bytes(4, "little")
    with pytest.raises(HeaderError, match="more bytes than it needs"):
        container.read_header(longer[:24] + crc + longer[28:])
