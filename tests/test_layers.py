"""Who may import whom: read from the sources, so that a door that opens the wrong way fails here."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import pipeline

ROOT = Path(__file__).parents[1]
ROOMS = ("crawler", "pipeline", "migrations")

CRAFT = ("extract", "rules", "memory", "fold", "guard", "likeness")
# What the rooms of `pipeline` may import of each other, besides themselves.
MAY = {
    "outcomes": (),
    "model": ("outcomes",),
    "errors": (),
    "words": (),
    "addresses": (),
    "bounds": (),
    "urls": (),
    "validation": (),
    "patterns": (),
    "cron": (),
    "room": ("errors",),
    "wallclock": ("model",),
    "sites": ("addresses", "cron", "errors", "model", "patterns", "urls", "validation"),
    "settings": ("errors", "validation"),
    "probing": ("model", "sites", "urls"),
    "onboard": ("errors", "model", "probing", "sites", "urls"),
    "extract": ("bounds", "model", "wallclock"),
    "memory": ("model",),
    "rules": ("model", "memory", "patterns", "sites", "wallclock"),  # of sites, a site's options
    "fold": ("model",),
    "guard": ("model",),
    "likeness": ("model",),
    "health": (),
    "store": ("model", "errors", "health", "urls", "words"),
    "runs": (
        *CRAFT,
        "cron",
        "health",
        "onboard",
        "probing",
        "store",
        "model",
        "errors",
        "room",
        "sites",
        "settings",
        "urls",
        "words",
    ),
    "exchange": ("store", "model", "errors", "urls", "sites"),
    "bulk": ("exchange", "extract", "memory", "rules", "runs", "store", "model", "errors", "sites"),
    "cluster": ("errors", "room", "runs", "schedule", "settings", "sites", "store", "validation"),
    "schedule": ("cron", "errors", "sites", "settings"),
    "doctor": ("cron", "errors", "room", "settings", "sites", "store"),
    "cli": (
        "doctor",
        "runs",
        "store",
        "exchange",
        "bulk",
        "cluster",
        "schedule",
        "health",
        "newsroom",
        "web",
        "onboard",
        "probing",
        "model",
        "errors",
        "sites",
        "settings",
        "words",
    ),
    "newsroom": (),
    "web": ("runs", "store", "model", "errors", "sites", "settings", "words"),
    "reader": ("settings", "store", "errors"),
    "__main__": ("cli",),
}
# Foreign packages that stay in one place.
ONLY = {
    "scrapy": ("crawler",),
    "twisted": ("crawler",),
    "playwright": ("crawler.rendering.browser",),
    "scrapy_playwright": ("crawler.rendering.browser",),
    "trafilatura": ("pipeline.extract",),
    "sqlalchemy": ("pipeline.store", "migrations"),
    "alembic": ("pipeline.store", "migrations"),
    "pebble": ("pipeline.jobs",),
    "pyarrow": ("pipeline.formats", "pipeline.offline"),
    "ray": ("pipeline.offline.ray_runner",),
    "rensa": ("pipeline.cleaning.near_duplicates",),
    "Stemmer": ("pipeline.fulltext.tokenizer",),
    "typer": ("pipeline.cli",),
    "rich": ("pipeline.cli",),
    "fastapi": ("pipeline.web",),
    "starlette": ("pipeline.web",),
    "uvicorn": ("pipeline.web",),
    "jinja2": ("pipeline.web", "pipeline.cli.views.night_report"),
    "apprise": ("pipeline.jobs.notify",),
    "procrastinate": ("pipeline.cluster",),
    "psycopg": ("pipeline.cluster",),
    "apscheduler": ("pipeline.scheduler.service", "pipeline.config.cron"),
}


def modules() -> dict[str, Path]:
    """All modules of ours, by dotted name."""
    found = {}
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()
pytestmark = pytest.mark.xdist_group("layers")  # who reads them all reads them once


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf8"))


@cache
def imports(name: str) -> tuple[str, ...]:
    """Dotted names that a module imports, wherever in it: modules, not what is taken from them."""
    return tuple(_imports(name))


def _imports(name: str) -> Iterator[str]:
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (
                package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            )
            source = ".".join([*base, *([node.module] if node.module else [])])
            for each in node.names:
                yield f"{source}.{each.name}" if f"{source}.{each.name}" in MODULES else source


def room(name: str) -> str:
    """The room of a module of `pipeline`."""
    return name.split(".")[1] if "." in name else ""


def all_imports(of: str = "") -> list[tuple[str, str]]:
    return [
        (name, each)
        for name in MODULES
        if name == of or name.startswith(f"{of}.") or not of
        for each in imports(name)
    ]


def test_every_room_has_its_rule() -> None:
    assert {room(name) for name in MODULES if name.startswith("pipeline.")} <= set(MAY)


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("pipeline.")])
def test_a_room_imports_only_rooms_below_it(name: str) -> None:
    used = {room(each) for each in imports(name) if each.startswith("pipeline.")} - {room(name), ""}
    assert used <= set(MAY[room(name)]), f"{name} opens a door the wrong way"


def test_the_crawler_uses_the_values_the_sites_and_one_door_of_the_store() -> None:
    allowed = {
        f"pipeline.{each}"
        for each in ("addresses", "bounds", "model", "probing", "room", "sites", "urls", "errors")
    } | {"pipeline.store.crawl.session"}
    wrong = [
        (name, each)
        for name, each in all_imports("crawler")
        if each.startswith("pipeline") and each not in allowed
    ]
    assert not wrong


def test_nothing_in_the_pipeline_imports_the_crawler() -> None:
    assert not [
        (name, each)
        for name, each in all_imports("pipeline")
        if each.split(".")[0] in ("crawler", "migrations")
    ]


def test_the_store_and_the_craft_do_not_know_each_other() -> None:
    store = {room(each) for _, each in all_imports("pipeline.store")}
    craft = {room(each) for name in CRAFT for _, each in all_imports(f"pipeline.{name}")}
    assert not store & {*CRAFT, "sites", "settings", "runs"}
    assert not craft & {"store", "runs", "settings"}


def test_extracting_and_striking_do_not_know_each_other() -> None:
    assert not [
        name
        for name, each in all_imports("pipeline.cleaning.apply_rules")
        if room(each) == "extract"
    ]
    assert not [
        name for name, each in all_imports("pipeline.extract") if room(each) in ("rules", "memory")
    ]


@pytest.mark.parametrize("package", ONLY)
def test_a_foreign_package_stays_in_its_room(package: str) -> None:
    places = {
        name for name, each in all_imports() if each == package or each.startswith(f"{package}.")
    }
    assert places, "or the rule is out of date"
    assert not [
        name
        for name in places
        if not any(name == room or name.startswith(f"{room}.") for room in ONLY[package])
    ]


def test_the_environment_is_read_in_the_settings_alone() -> None:
    readers = {
        name
        for name in MODULES
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
    }
    # the schedule hands its own environment on to its children; it and the worker have systemd's three variables read
    assert readers <= {
        "pipeline.config.settings",
        "pipeline.scheduler.service",
        "pipeline.scheduler.child_runs",
        "pipeline.cluster.worker",
        "pipeline.offline.ray_runner",  # Ray is told by its own variables to stay on this machine
    }


def test_no_module_connects_or_reads_settings_when_it_is_imported() -> None:
    calls = {
        (name, ast.unparse(node.value.func))
        for name in MODULES
        if not name.startswith("migrations")
        for node in tree(name).body
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr))
        and isinstance(node.value, ast.Call)
    }
    told = ("create_engine", "Store", "Settings", "load", "open")
    assert not [(name, call) for name, call in calls if call.split(".")[-1] in told]


def test_no_broad_except_passes_in_silence() -> None:
    silent = [
        (name, node.lineno)
        for name in MODULES
        for node in ast.walk(tree(name))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        and all(isinstance(each, (ast.Pass, ast.Continue)) for each in node.body)
    ]
    assert not silent


def test_every_module_says_what_it_is_for() -> None:
    assert not [name for name in MODULES if tree(name).body and not ast.get_docstring(tree(name))]


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    sizes = {
        name: len(path.read_text(encoding="utf8").splitlines()) for name, path in MODULES.items()
    }
    assert not {name: size for name, size in sizes.items() if size > 400}


def test_the_pipeline_that_is_imported_is_the_one_of_this_checkout() -> None:
    assert Path(pipeline.__file__).is_relative_to(ROOT)


def test_the_configuration_is_data_and_no_package() -> None:
    assert not list((ROOT / "config").rglob("__init__.py"))


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))


def test_pyproject_lists_every_package_and_none_that_is_not_there() -> None:
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert set(pyproject()["tool"]["setuptools"]["packages"]) == packages


def test_the_version_is_told_once() -> None:
    assert pyproject()["project"]["version"] == pipeline.__version__


def test_the_distribution_is_never_uploaded_by_mistake() -> None:
    assert "Private :: Do Not Upload" in pyproject()["project"]["classifiers"]
