"""Fuzzing of the API with its own OpenAPI document: `python -m tests.bench.api [CASES]`.

It sends CASES (30) valid and as many invalid requests to each route of an archive with hostile
texts. It exits with 1 if a response is a server error or does not match the document. It needs
schemathesis, which is too heavy for the tests.
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
from pipeline.web.app import create_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
DEFAULT_CASES = 30
HEADERS = {"Host": "127.0.0.1"}
PAGES = 6  # of the hostile archive
KNOWN_VALUES = {
    "site": "courier",
    "digest": sha256(b"Levy\nThe levy is 9 a night.").hexdigest(),
}


def make_archive(folder: Path) -> Database:
    """Make a small archive with hostile texts."""
    from tests.support.hostile_archive import (
        EXTRACTOR,
        build_hostile_archive,
        hostile_extracted_page,
    )

    database = Database(f"sqlite:///{folder / 'archive.db'}")
    migrate.ensure(database, create=True)
    with mock.patch(EXTRACTOR, hostile_extracted_page):
        build_hostile_archive(database, CrawlSession(database))
    return database


def fuzz(database: Database, cases: int) -> Counter[str]:
    """Send requests to all routes, and count the responses by route and status.

    Raises:
        Exception: A response is wrong; schemathesis says how.
    """
    schema = schemathesis.openapi.from_asgi(
        "/api/openapi.json", create_app(database), headers=HEADERS
    )
    counts: Counter[str] = Counter()
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            with suppress(Unsatisfiable):  # the route has no value that could be invalid
                _fuzz_operation(operation, mode, cases, counts)
    return counts


def _fuzz_operation(
    operation: schemathesis.schemas.APIOperation,
    mode: GenerationMode,
    cases: int,
    counts: Counter[str],
) -> None:
    @settings(
        max_examples=cases,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: schemathesis.Case) -> None:
        if mode is GenerationMode.POSITIVE:
            use_known_values(case)
        response = case.call(headers=HEADERS)
        counts[f"{operation.path} {response.status_code}"] += 1
        case.validate_response(response, checks=CHECKS)

    send()


def use_known_values(case: schemathesis.Case) -> None:
    """Replace path parameters with values that the archive has."""
    for name, value in case.path_parameters.items():
        case.path_parameters[name] = KNOWN_VALUES.get(name) or value % PAGES + 1


def main() -> int:
    """Print how often each route had each status."""
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_CASES
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = fuzz(make_archive(Path(folder)), cases)
    for name, number in sorted(counts.items()):
        print(f"{number:6} {name}")  # noqa: T201
    seconds = time.monotonic() - began
    print(f"{counts.total()} requests in {seconds:.0f} s, no server error")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
