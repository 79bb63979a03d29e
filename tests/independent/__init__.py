"""A decoder of .svae files written from codec/format/FORMAT.md, for reading, not for speed.

Of selfvae_codec it uses the weights files and the tables of restorations, and no line of code: where the two decode a
file to different pixels, the page and the package say different things. Docstrings name the page's sections. It checks
what arrived, and refuses by assertions; what only the configurations of no shipped model ask for is left out.

    container        what a file is: header, level table, checks
    entropy, symbols rANS, and symbols and digits by the tables of the weights file
    weights, networks, cells      integer networks, and how arrays are cut up for them
    representations  levels 1 and 2: u, y[2], y[1], edges
    step_field, latents           the levels of z[1]
    picture, restoration          what latents look like
    pixels, fitted, corrections   the exact pixels of 8 bits
    deep             those of 16
    decoder          all of it, level by level
"""
