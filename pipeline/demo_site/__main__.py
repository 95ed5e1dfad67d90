"""`python -m pipeline.demo_site`: look at the demo sites in a browser.

It prints the three addresses and serves them until you press Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
import threading

from pipeline.demo_site import SITES, serve_demo_sites
from pipeline.demo_site.model import NIGHTS


def main() -> None:
    """Serve one night of the demo sites until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.demo_site")
    parser.add_argument("--night", type=int, choices=NIGHTS, default=1, help="which night to show")
    night: int = parser.parse_args().night
    with serve_demo_sites(night) as server:
        for site in SITES:
            sys.stdout.write(f"{server.base_url(site.id)}/  {site.name} ({site.language})\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write("\n")


if __name__ == "__main__":
    main()
