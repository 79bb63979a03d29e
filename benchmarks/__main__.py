"""``python -m benchmarks DIR`` from a checkout, ``selfvae-codec bench DIR`` installed."""

from __future__ import annotations

import os
import sys


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; 0 on success, 1 with one line on stderr where it cannot."""
    # before numpy and torch are loaded: their thread pools are sized once
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    try:
        from .arguments import parse
        from .run import run
    except ImportError as error:
        print(f"bench: {error}. Install what it needs: pip install 'selfvae-codec[bench]'", file=sys.stderr)
        return 1
    args = parse(argv)
    try:
        return run(args, sys.argv[1:] if argv is None else list(argv))
    except (FileNotFoundError, ValueError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
