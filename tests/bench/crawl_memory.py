"""`python -m tests.bench.crawl_memory JOB RESULT` — one crawl as a night starts it, with its memory as it goes on.

JOB is a file with a crawl's job, RESULT one that is given the pages that were kept, and the memory of the process in MB at each
hundredth of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """The exit code of the crawl."""
    job, result = map(Path, sys.argv[1:3])
    crawl = subprocess.Popen(
        [sys.executable, "-P", "-m", "crawler"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert crawl.stdin is not None
    assert crawl.stdout is not None
    crawl.stdin.write(job.read_bytes().strip() + b"\n")
    crawl.stdin.flush()
    pages, due, megabytes = 0, 0, list[tuple[int, float]]()
    for line in crawl.stdout:
        event = json.loads(line)
        if event["event"] == "source":
            due += event["new"]
        if event["event"] == "page":
            pages += event["outcome"] == "fetched"
            if pages % max(due // 100, 1) == 0:
                megabytes.append((pages, resident(crawl.pid)))
    result.write_text(json.dumps({"pages": pages, "megabytes": megabytes}), encoding="utf8")
    return crawl.wait()


def resident(pid: int) -> float:
    """Megabytes of a process that are in memory now; 0 where that cannot be read."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    sys.exit(main())
