"""The command ``selfvae-codec``."""
