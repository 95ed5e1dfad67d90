"""The entry point of `nightdesk` and of `python -m pipeline`.

It answers `--version` before it loads the command line, which takes ten times as long.
"""

from __future__ import annotations

import sys

from pipeline._version import __version__


def main() -> None:
    """Run the command line with the arguments of the process."""
    words = sys.argv[1:]
    if words == ["--version"]:
        sys.stdout.write(f"nightdesk {__version__}\n")
        return
    from pipeline.cli import run

    run(words)


if __name__ == "__main__":
    main()
