"""The same work on Ray Data: on this machine, or on a cluster whose machines share the folders.

`extract_on_ray` is the recipe: read, map, write. Copy it if your cluster needs something else. A
Ray that is started here stays on the loopback address, sends no statistics to anybody, and is gone
with all its files when the block ends.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pipeline.core.errors import ConfigError, NightdeskError
from pipeline.offline.clean_site import clean_site_files
from pipeline.offline.extract_table import TableExtractor
from pipeline.offline.job import OfflineJob

MISSING: Final = "Ray needs the extra 'ray', which is not installed: pip install 'nightdesk[ray]'"
PAGES_PER_BATCH: Final = 64
OBJECT_STORE_BYTES: Final = 256 << 20  # of a Ray that is started here
BLOCK_BYTES: Final = 32 << 20  # that Ray hands from one step to the next
CONNECT_TIMEOUT: Final = 10.0  # seconds
PROCESSES_PER_ACTOR: Final = 4
# An actor waits for its processes. With a whole CPU each, none would be left to read and write.
CPUS_PER_ACTOR: Final = 0.1
MAX_TEMP_PATH: Final = 24  # characters, so that Ray's sockets fit into a hundred
MAX_ERROR_LENGTH: Final = 200
LOCAL_ENVIRONMENT: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Its name speaks of other systems. On all of them it means: no address but loopback.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_worker_niceness": "0",  # otherwise all else on the machine comes first
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # it warns of risks that it creates itself
}


def extract_on_ray(
    job: OfflineJob, processes: int, page_seconds: float, page_megabytes: int
) -> None:
    """Extract what is pending of a job.

    Args:
        job: The job.
        processes: Worker processes, of all actors together.
        page_seconds: CPU seconds that one page may take.
        page_megabytes: Memory that one page may take.
    """
    from ray.data.datasource.partitioning import Partitioning, PartitionStyle

    ray = _import_ray()
    names = job.pending_files()
    if not names:
        return
    actors = -(-processes // PROCESSES_PER_ACTOR)
    processes_per_actor = -(-processes // actors)
    folder = str(job.pages_folder.resolve())
    field_types = {"site": str, "month": str}
    partitioning = Partitioning(PartitionStyle.HIVE, folder, field_types=field_types)
    paths = [str((job.pages_folder / name).resolve()) for name in names]
    pages = ray.data.read_parquet(paths, partitioning=partitioning)
    extracted = pages.map_batches(
        TableExtractor,
        fn_constructor_args=(processes_per_actor, page_seconds, page_megabytes),
        batch_format="pyarrow",
        batch_size=PAGES_PER_BATCH,
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=CPUS_PER_ACTOR,
    )
    extracted.write_parquet(
        str(job.extracted_folder.resolve()),
        partition_cols=["site", "month"],
        compression="zstd",
    )


def clean_on_ray(
    manifest: Mapping[str, Any], paths_by_site: Mapping[str, list[Path]], target: Path
) -> int:
    """Clean sites in parallel.

    Args:
        manifest: The manifest of the export, with the recipe.
        paths_by_site: The files of extracted pages of each site.
        target: The folder for the texts.

    Returns:
        The number of texts.
    """
    ray = _import_ray()

    def clean_site(row: dict[str, Any]) -> dict[str, Any]:
        site = row["site"]
        return {"texts": clean_site_files(site, manifest, paths_by_site[site], target)}

    items = [{"site": site} for site in paths_by_site]
    sites = ray.data.from_items(items, override_num_blocks=max(1, len(items)))
    # To have Ray compute the sum would take actors for a shuffle.
    return sum(int(row["texts"]) for row in sites.map(clean_site).take_all())


@contextmanager
def ray_session(processes: int, address: str = "") -> Iterator[None]:
    """Connect to Ray as long as the block lasts.

    Args:
        processes: CPUs of a Ray that is started here.
        address: The address of a Ray cluster. By default, a Ray is started here.

    Raises:
        ConfigError: No Ray answers at the address, or Ray is not installed.
        NightdeskError: Ray failed within the block.
    """
    _check_reachable(address)
    folder = tempfile.mkdtemp(prefix="nd", dir=_short_temp_folder())
    if not address:
        os.environ.update(LOCAL_ENVIRONMENT)
    try:
        ray = _import_ray()
        options = {} if address else _local_options(processes, folder)
        try:
            ray.init(
                address or "local", log_to_driver=False, logging_level=logging.ERROR, **options
            )
        except ConnectionError as error:
            cause = " ".join(str(error).split())[:MAX_ERROR_LENGTH]
            raise ConfigError(f"--address {address}: no Ray answers there ({cause})") from None
        _silence_ray(ray)
        try:
            yield
        except ray.exceptions.RayError as error:
            raise NightdeskError(
                f"Ray failed ({_error_text(error)}); complete files stay, and the same command"
                " goes on from there"
            ) from None
        finally:
            ray.shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _local_options(processes: int, folder: str) -> dict[str, Any]:
    return {
        "num_cpus": processes,
        "object_store_memory": OBJECT_STORE_BYTES,
        "include_dashboard": False,
        "_temp_dir": folder,
    }


def _check_reachable(address: str) -> None:
    """Raise ConfigError if nothing answers at the address: Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--address {address}: no Ray answers there ({error})") from None


def _error_text(error: BaseException) -> str:
    """Return an error of one of Ray's processes as one line."""
    cause = getattr(error, "cause", None) or error
    return " ".join(str(cause).split())[:MAX_ERROR_LENGTH] or type(error).__name__


def _short_temp_folder() -> str | None:
    """Return a folder with a short path for Ray's sockets; None for the default one."""
    return None if len(tempfile.gettempdir()) <= MAX_TEMP_PATH else "/tmp"


def _import_ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError:
        raise ConfigError(MISSING) from None
    return ray


def _silence_ray(ray: Any) -> None:
    """Turn off progress bars and messages, because the caller reports how the work ends."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.target_max_block_size = BLOCK_BYTES
    logging.getLogger("ray.data").setLevel(logging.ERROR)
