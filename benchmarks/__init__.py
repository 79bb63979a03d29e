"""Rate-distortion benchmark: this codec and its peers, side by side, in one run.

    selfvae-codec bench DIR          or          python -m benchmarks DIR

reads the pictures of DIR, measures every codec that is installed, and writes
files that others can read: one JSON per codec (CompressAI's keys), CSV tables
and one self-contained HTML report.

How it flows, one file per step:

    pictures  -> codecs/*, verify -> rd (timing, quality) -> rows
    rows      -> curves -> bdrate, embedding, anchors     -> results
    the same codecs -> lossless, scale (cost)             -> results
    results   -> svg, gallery, report                     -> report.html
    results   -> chart, readme_table                      -> README
"""
