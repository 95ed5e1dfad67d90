"""Run one crawl and sample its memory: `python -m tests.bench.crawl_memory JOB RESULT`.

JOB is a file with the JSON job of a crawl. RESULT is the file to write: it gets the number of
stored pages, and the memory of the process in MB after each hundredth of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run the crawl, and return its exit code."""
    job, result = map(Path, sys.argv[1:3])
    crawl = subprocess.Popen(
        [sys.executable, "-P", "-m", "crawler"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert crawl.stdin is not None
    assert crawl.stdout is not None
    crawl.stdin.write(job.read_bytes().strip() + b"\n")
    crawl.stdin.flush()
    pages = due = 0
    samples: list[tuple[int, float]] = []
    for line in crawl.stdout:
        event = json.loads(line)
        if event["event"] == "source":
            due += event["new"]
        if event["event"] == "page":
            pages += event["outcome"] == "fetched"
            if pages % max(due // 100, 1) == 0:
                samples.append((pages, resident_megabytes(crawl.pid)))
    result.write_text(json.dumps({"pages": pages, "megabytes": samples}), encoding="utf8")
    return crawl.wait()


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process, or 0 where it cannot be read."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    sys.exit(main())
