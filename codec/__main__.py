"""``python -m selfvae_codec`` and ``selfvae-codec``: the command, from its first import on."""

import os
import signal

INTERRUPTED = 130


def main() -> None:
    """Runs the command. An interrupt while libraries load is answered as later ones are: one line, and 130."""
    signal.signal(signal.SIGINT, _leave)
    from .app.main import main as run

    run()


def _leave(*_: object) -> None:
    os.write(2, b"selfvae-codec: error: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
