"""``python -m selfvae_codec``, for launchers that start modules (torchrun -m selfvae_codec train ...)."""

from .app.cli import main

main()
