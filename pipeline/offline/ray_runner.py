"""The same on Ray Data: on all processors of this machine, or on those of a cluster whose machines share the folders.

The recipe is `draft`: read, map, write. Copy it where a cluster wants something else. Promises that a Ray which is started here
stays on the loopback address, sends no statistics to anybody, and is gone with all its files when the block ends.
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

MISSING: Final = "Ray needs the extra 'ray', which is not installed: pip install -e '.[ray]'"
BATCH: Final = 64  # pages that are handed over together
STORE: Final = 256 << 20  # bytes of Ray's object store, where it is started here
BLOCK: Final = 32 << 20  # bytes that Ray hands from one step to the next
REACH: Final = 10.0  # seconds
EACH: Final = 4  # processes that one actor has at work
ALONE: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # by its name of other systems; on all it means: no address but the loopback one
    "RAY_worker_niceness": "0",  # or all else on the machine goes before it
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # it tells of dangers of its own making
}


def extract_on_ray(job: OfflineJob, processes: int, page_seconds: float, page_megabytes: int) -> None:
    """Drafts all that is left of a job. Each actor has extracting processes of its own, whose limits are a page's."""
    from ray.data.datasource.partitioning import Partitioning, PartitionStyle

    ray = _ray()
    names = job.pending_files()
    if not names:
        return
    actors = -(-processes // EACH)
    folders = Partitioning(
        PartitionStyle.HIVE, str(job.pages_folder.resolve()), field_types={"site": str, "month": str}
    )
    pages = ray.data.read_parquet(
        [str((job.pages_folder / name).resolve()) for name in names], partitioning=folders
    )
    pages.map_batches(
        TableExtractor,
        fn_constructor_args=(-(-processes // actors), page_seconds, page_megabytes),
        batch_format="pyarrow",
        batch_size=BATCH,
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=0.1,  # it waits for its processes; with more, none would be left to read and write
    ).write_parquet(str(job.extracted_folder.resolve()), partition_cols=["site", "month"], compression="zstd")


def clean_on_ray(head: Mapping[str, Any], drafts: Mapping[str, list[Path]], target: Path) -> int:
    """Strikes Sites side by side. Returns how many texts came of it."""
    ray = _ray()

    def one(row: dict[str, Any]) -> dict[str, Any]:
        return {"texts": clean_site_files(row["site"], head, drafts[row["site"]], target)}

    sites = ray.data.from_items(
        [{"site": site} for site in drafts], override_num_blocks=max(1, len(drafts))
    )
    return sum(
        int(row["texts"]) for row in sites.map(one).take_all()
    )  # to have it summed there takes actors for a shuffle


@contextmanager
def ray_session(processes: int, address: str = "") -> Iterator[None]:
    """Ray for as long as the block lasts: of its own, or the one at an address. Raises ConfigError."""
    _knock(address)
    folder = tempfile.mkdtemp(prefix="nd", dir=_short())
    if not address:
        os.environ.update(ALONE)
    try:
        ray = _ray()
        here = {
            "num_cpus": processes,
            "object_store_memory": STORE,
            "include_dashboard": False,
            "_temp_dir": folder,
        }
        try:
            ray.init(
                address or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                **({} if address else here),
            )
        except ConnectionError as error:
            raise ConfigError(
                f"--address {address}: no Ray answers there ({' '.join(str(error).split())[:100]})"
            ) from None
        _hush(ray)
        try:
            yield
        except ray.exceptions.RayError as error:
            raise NightdeskError(
                f"Ray broke off ({_why(error)}); what is whole stays, and the same command goes on from there"
            ) from None
        finally:
            ray.shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _knock(address: str) -> None:
    """Raises ConfigError where nobody is at home: Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        try:
            socket.create_connection((host, int(port)), REACH).close()
        except (OSError, OverflowError) as error:
            raise ConfigError(f"--address {address}: no Ray answers there ({error})") from None


def _why(error: BaseException) -> str:
    """What an error says that came from one of Ray's processes, as far as a line goes."""
    return (
        " ".join(str(getattr(error, "cause", None) or error).split())[:200] or type(error).__name__
    )


def _short() -> str | None:
    """A folder whose path leaves room for Ray's sockets, which may have a hundred letters; None for the usual one."""
    return None if len(tempfile.gettempdir()) <= 24 else "/tmp"


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError:
        raise ConfigError(MISSING) from None
    return ray


def _hush(ray: Any) -> None:
    """No bars and no news: whoever called tells how it ends."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.target_max_block_size = BLOCK
    logging.getLogger("ray.data").setLevel(logging.ERROR)
