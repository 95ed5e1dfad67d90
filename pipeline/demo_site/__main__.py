"""`python -m pipeline.demo_site`: look at the sites in a browser.

Promises: prints the three addresses and serves them until interrupted.
"""

from __future__ import annotations

import argparse
import sys
import threading

from pipeline.demo_site import SITES, serve
from pipeline.demo_site.model import NIGHTS


def main() -> None:
    """Serve one night of the newsroom until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.demo_site")
    parser.add_argument("--night", type=int, choices=NIGHTS, default=1, help="which night to show")
    night: int = parser.parse_args().night
    with serve(night) as newsroom:
        for site in SITES:
            sys.stdout.write(f"{newsroom.base(site.id)}/  {site.name} ({site.language})\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write("\n")


if __name__ == "__main__":
    main()
