"""What the integers at the borders of the exact networks mean: the real value of one, and the largest.

Training sees real values (selfvae.py); the codec sees integers (codec/nets.py). Both sides meet here.
"""

WIDE_LIMIT = 32767  # outputs that leave the networks may use 16 bits

PIXEL_UNITS = 4  # the analysis network sees differences to the upsampled y[1] in quarters of a pixel value
ANALYSIS_SCALE = 32  # ... divided by this in training
ANALYSIS_INPUT = 1 / (PIXEL_UNITS * ANALYSIS_SCALE)
ANALYSIS_GAIN = 16  # its output is multiplied by this in training
LATENT_UNITS = 16  # z[1] from the analysis network comes in 1/16
ANALYSIS_OUTPUT = 1 / (ANALYSIS_GAIN * LATENT_UNITS)

SYNTHESIS_UNITS = 8  # the synthesis network sees latents in eighths of a step
SYNTHESIS_INPUT = 1 / SYNTHESIS_UNITS
SYNTHESIS_LIMIT = 64  # ... clamped to this many steps
SYNTHESIS_INPUT_LIMIT = SYNTHESIS_LIMIT * SYNTHESIS_UNITS
RESIDUAL_UNITS = 256  # and answers in 1/256 of a step
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
LATTICE_SCALE = 32  # representation priors see values of y, in its own steps, divided by 32
LATTICE_INPUT, LATTICE_INPUT_LIMIT = 1 / LATTICE_SCALE, 511

SYMBOL_LIMIT = 127  # priors see symbols clamped to this
MEAN_LIMIT = 8191  # means come in 1/MEAN_UNITS of a step
