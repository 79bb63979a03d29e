"""What the integers at the borders of the exact networks mean: the real value of one, and the largest.

Training sees real values (selfvae.py); the codec sees integers (inference.py). Both sides meet here.
"""

DEEP = 257  # a grey level in 16 bits: 65535 is to 255 what this is to 1
FINE = 16  # a grey level where a picture goes on from
WIDE_LIMIT = 32767  # outputs that leave the networks may use 16 bits

SYNTHESIS_UNITS = 64  # the synthesis network sees latents in 1/64 of a step
SYNTHESIS_INPUT = 1 / SYNTHESIS_UNITS
SYNTHESIS_LIMIT = 64  # ... clamped to this many steps
SYNTHESIS_INPUT_LIMIT = SYNTHESIS_LIMIT * SYNTHESIS_UNITS
RESIDUAL_UNITS = 256  # and answers in 1/256 of a step,
RESIDUAL_MAX = 0.5  # half a step at most, twice what photographs ask for: noise and text lose no more than that
SYNTHESIS_OUTPUT = 1 / RESIDUAL_UNITS

HYPER_UNITS = 128  # log1p(|z[1]| / 8) in 1/128
HYPER_INPUT = 1 / HYPER_UNITS
HYPER_GAIN = 8  # z[2] is the hyper-analysis times this: it must span many steps from the start, or it stays unused
Z2_UNITS = 64  # z[2] before rounding, in 1/64
Z2_OUTPUT = 1 / (HYPER_GAIN * Z2_UNITS)
Z2_SCALE = 4  # the context sees z[2] / 4
Z2_INPUT = 1 / Z2_SCALE

Y_OFFSET, Y_SCALE = 128, 64  # latent priors see (y - 128) / 64, y in pixel values
Y_INPUT, Y_INPUT_LIMIT = 1 / Y_SCALE, 128


def edge_values(edges):
    """What latent priors see of an edge map, as pixel values: neutral where there is no edge, as bright as can be."""
    return Y_OFFSET * (1 + edges)


LATTICE_SCALE = 32  # representation priors see values of y, in its own steps, divided by 32
LATTICE_INPUT, LATTICE_INPUT_LIMIT = 1 / LATTICE_SCALE, 511

SYMBOL_LIMIT = 127  # priors see symbols clamped to this,
SYMBOL_UNITS = 4  # those of z[1] in 1/4 of the step D: local steps are other ones
SYMBOL_INPUT, SYMBOL_INPUT_LIMIT = 1 / SYMBOL_UNITS, SYMBOL_LIMIT * SYMBOL_UNITS

FIELD_SCALE = 8  # networks see log2 g of the step field, in LOG2_SCALE_STEPs, divided by 8
FIELD_INPUT = 1 / FIELD_SCALE

ACTIVITY_LIMIT = 16  # the prior of activity sees symbols of it clamped to this
MEAN_LIMIT = 32767  # means come in 1/MEAN_UNITS of a step

PIXEL_OFFSET, PIXEL_SCALE = 128, 64  # the pixel prior sees (x_hat - 128) / 64
PIXEL_INPUT, PIXEL_INPUT_LIMIT = 1 / PIXEL_SCALE, 128
RESIDUAL_SCALE = 16  # and residuals x - x_hat / 16
RESIDUAL_INPUT, RESIDUAL_INPUT_LIMIT = 1 / RESIDUAL_SCALE, 255
COUPLING_UNITS = 64  # how far a colour's mean follows another's residual comes in 1/64
COUPLING_MAX = 2
