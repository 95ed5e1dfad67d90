"""The one place through which the command line and the jobs check, repair and shrink the archive.

Use it as `from pipeline.store import maintenance` and `maintenance.prune_site(database, …)`. The
package loads a module only when somebody uses a name of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.lazy_imports import lazy_names

if TYPE_CHECKING:
    # the import rule would split each list into one statement for each name
    # isort: off
    from pipeline.store.maintenance.backup import (
        backup_size as backup_size,
        find_programs as find_programs,
        require_room as require_room,
        sync_folder as sync_folder,
        write_backup as write_backup,
    )
    from pipeline.store.maintenance.copy_archive import (
        TableCopy as TableCopy,
        copy_rows as copy_rows,
    )
    from pipeline.store.maintenance.prune import (
        Prunable as Prunable,
        RetentionRule as RetentionRule,
        estimate_prunable as estimate_prunable,
        prune_site as prune_site,
        unused_bytes as unused_bytes,
    )
    from pipeline.store.maintenance.recompress import (
        RecompressStats as RecompressStats,
        estimate_recompression as estimate_recompression,
        recompress_site as recompress_site,
    )
    from pipeline.store.maintenance.server_stats import (
        PostgresStats as PostgresStats,
        SqliteStats as SqliteStats,
        TableStats as TableStats,
        last_crawl_times as last_crawl_times,
        newest_capture_at as newest_capture_at,
        open_runs as open_runs,
        postgres_stats as postgres_stats,
        quick_check as quick_check,
        sqlite_stats as sqlite_stats,
    )
    from pipeline.store.maintenance.faults import (
        Fault as Fault,
        RepairKind as RepairKind,
        VerifiedCounts as VerifiedCounts,
        VerifyScope as VerifyScope,
    )
    from pipeline.store.monitoring.issues import accept_issues as accept_issues
    # isort: on

_MODULES = {
    "pipeline.store.maintenance.backup": (
        "backup_size",
        "find_programs",
        "require_room",
        "sync_folder",
        "write_backup",
    ),
    "pipeline.store.maintenance.copy_archive": ("TableCopy", "copy_rows"),
    "pipeline.store.maintenance.prune": (
        "Prunable",
        "RetentionRule",
        "estimate_prunable",
        "prune_site",
        "unused_bytes",
    ),
    "pipeline.store.maintenance.recompress": (
        "RecompressStats",
        "estimate_recompression",
        "recompress_site",
    ),
    "pipeline.store.maintenance.server_stats": (
        "PostgresStats",
        "SqliteStats",
        "TableStats",
        "last_crawl_times",
        "newest_capture_at",
        "open_runs",
        "postgres_stats",
        "quick_check",
        "sqlite_stats",
    ),
    "pipeline.store.maintenance.faults": ("Fault", "RepairKind", "VerifiedCounts", "VerifyScope"),
    "pipeline.store.monitoring.issues": ("accept_issues",),
}

if not TYPE_CHECKING:  # a type checker must know each name, and a __getattr__ would accept any
    __getattr__ = lazy_names(__name__, _MODULES)
