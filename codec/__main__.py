"""``python -m selfvae_codec`` and ``selfvae-codec``: the command, from its first import on."""

import os
import signal
from typing import Any

INTERRUPTED = 130


def main() -> None:
    """Runs the command. An interrupt while libraries load is answered as later ones are: one line, and 130."""
    signal.signal(signal.SIGINT, _leave)
    from .app.cli import main as run

    run()


def _leave(*_: Any) -> None:
    os.write(2, b"selfvae-codec: error: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
