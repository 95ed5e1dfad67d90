"""The API against what a fuzzer makes of its own OpenAPI document: `python -m tests.bench.api [CASES]`.

Promises an archive with hostile texts, CASES (30) requests to each address as its document allows and as many as it forbids,
and exit code 1 where an answer is a server error or not what the document says. Needs schemathesis, which is no part of the
tests for its weight.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from unittest import mock

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.web.app import application

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def archive(folder: Path) -> Database:
    """A small archive with hostile texts."""
    from tests.support.hostile_archive import build, drafted

    store = Database(f"sqlite:///{folder / 'archive.db'}")
    migrate.ensure(store, create=True)
    with mock.patch("tests.support.archive_factory.draft_of", drafted):
        build(store, CrawlSession(store))
    return store


def tried(store: Database, cases: int) -> Counter[str]:
    """Answers by address and status. Raises at the first wrong one."""
    schema = schemathesis.openapi.from_asgi(
        "/api/openapi.json", application(store), headers={"Host": "127.0.0.1"}
    )
    counts: Counter[str] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(
                max_examples=cases,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def asks(case: schemathesis.Case) -> None:
                if mode is GenerationMode.POSITIVE:  # noqa: B023
                    there(case)
                answer = case.call(headers={"Host": "127.0.0.1"})
                counts[f"{operation.path} {answer.status_code}"] += 1  # noqa: B023 - it is run at once
                case.validate_response(answer, checks=CHECKS)

            with suppress(Unsatisfiable):  # where there is no value that could be wrong
                asks()
    return counts


def there(case: schemathesis.Case) -> None:
    """Asks for what the archive has, where the address names one."""
    known = {"site": "courier", "digest": sha256(b"Levy\nThe levy is 9 a night.").hexdigest()}
    for name, value in case.path_parameters.items():
        case.path_parameters[name] = known.get(name) or value % 6 + 1


def main() -> int:
    """Prints what was answered how often."""
    cases, began = int(sys.argv[1]) if len(sys.argv) > 1 else 30, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = tried(archive(Path(folder)), cases)
    for name, number in sorted(counts.items()):
        print(f"{number:6} {name}")  # noqa: T201
    print(f"{counts.total()} requests in {time.monotonic() - began:.0f} s, no server error")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
