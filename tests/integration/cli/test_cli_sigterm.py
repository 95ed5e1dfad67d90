"""SIGTERM ends a night in order, as systemd and `kill` send it."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.support.cli import nightdesk, running_command, wait_until
from tests.support.http_site import serve_http_site


def test_sigterm_ends_a_night_in_order(home: Path) -> None:
    with serve_http_site() as site:
        stories = [site.add_story(f"crane-{n}", f"The crane {n} is mended") for n in range(30)]
        site.set_feed(stories)
        site.story_delay = 0.2
        site.write_site_file(home, more="[retention]\nledger_days = 0\n")
        with running_command(home, "crawl") as night:
            wait_until(lambda: any(path.startswith("/2026") for path in site.requested_paths))
            night.send_signal(signal.SIGTERM)
            out, err = night.communicate(timeout=60)
    assert night.returncode == 130, err
    assert "interrupted; what was done is kept, and the same command goes on from here" in err
    assert "Traceback" not in out + err
    (run,) = nightdesk(home, "runs", "--json").json
    assert run["finished_at"] is not None, "the run is closed, and nothing is left for the next"
    assert run["status"] == "stopped"
    assert run["counts"]["deferred"] > 0
    assert "The ledgers of the last runs add up." in nightdesk(home, "status").out
