"""Who may import whom. The tests read the imports from the sources, also those inside functions."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import pipeline

ROOT = Path(__file__).parents[1]
FOLDERS = ("crawler", "pipeline", "nightdesk", "migrations")

CORE = "pipeline.core"
VALUES = (CORE, "pipeline.config")
PURE = (
    *VALUES,
    "pipeline.extract",
    "pipeline.cleaning",
    "pipeline.fulltext",
    "pipeline.monitoring",
    "pipeline.changes",
)
STORE = (
    "pipeline.store.db",
    "pipeline.store.codec",
    "pipeline.store.search",
    "pipeline.store.monitoring",
    "pipeline.store.crawl",
    "pipeline.store.clean",
    "pipeline.store.read",
    "pipeline.store.maintenance",
)

# What the modules of each package may import besides their own package.
# A package that is not named here fails a test.
ALLOWED: dict[str, tuple[str, ...]] = {
    # values and decisions without a database, a network or a clock
    "pipeline._version": (),
    CORE: (),
    "pipeline.config": (CORE, "pipeline._version"),
    "pipeline.process_messages": VALUES,
    "pipeline.extract": (CORE,),
    "pipeline.cleaning": VALUES,
    "pipeline.fulltext": (CORE,),
    "pipeline.monitoring": (CORE,),
    "pipeline.changes": (CORE,),
    "pipeline.story": (CORE,),
    "pipeline.evidence": (CORE,),
    "pipeline.onboarding": (*VALUES, "pipeline.process_messages"),
    # the store: each package imports those before it
    "pipeline.store.db": (CORE, "pipeline.evidence"),
    "pipeline.store.codec": (CORE, "pipeline.store.db"),
    "pipeline.store.search": (CORE, "pipeline.fulltext", *STORE[:2]),
    "pipeline.store.monitoring": (CORE, "pipeline.monitoring", *STORE[:2]),
    "pipeline.store.crawl": (CORE, *STORE[:4]),
    "pipeline.store.clean": (CORE, "pipeline.changes", "pipeline.fulltext", *STORE[:4]),
    "pipeline.store.read": (
        CORE,
        "pipeline.evidence",
        "pipeline.fulltext",
        "pipeline.monitoring",
        *STORE[:6],
    ),
    "pipeline.store.maintenance": (CORE, "pipeline.evidence", "pipeline.fulltext", *STORE[:7]),
    # files in and out
    "pipeline.formats": (*VALUES, "pipeline._version", "pipeline.story", *STORE),
    # the work: what a command does, without saying how it is shown
    "pipeline.jobs": (
        *PURE,
        "pipeline._version",
        "pipeline.evidence",
        "pipeline.process_messages",
        "pipeline.onboarding",
        "pipeline.formats",
        "pipeline.story",
        *STORE,
    ),
    "pipeline.offline": (*PURE, "pipeline.formats", "pipeline.jobs", *STORE),
    "pipeline.scheduler": (*VALUES,),
    "pipeline.cluster": (*VALUES, "pipeline.jobs", "pipeline.scheduler", *STORE),
    "pipeline.diagnostics": (*VALUES, *STORE),
    # the doors: commands, pages and the Python interface
    "pipeline.reader": (*VALUES, "pipeline.story", *STORE),
    "pipeline.web": (
        *PURE,
        "pipeline.evidence",
        "pipeline._version",
        "pipeline.story",
        "pipeline.formats",
        "pipeline.jobs",
        *STORE,
    ),
    "pipeline.cli": (
        *PURE,
        "pipeline.evidence",
        "pipeline._version",
        "pipeline.process_messages",
        "pipeline.onboarding",
        "pipeline.formats",
        "pipeline.story",
        "pipeline.jobs",
        "pipeline.offline",
        "pipeline.scheduler",
        "pipeline.cluster",
        "pipeline.diagnostics",
        "pipeline.demo_site",
        "pipeline.web",
        *STORE,
    ),
    "pipeline.demo_site": (),
    "pipeline.__main__": ("pipeline._version", "pipeline.cli"),
    "pipeline": ("pipeline._version", "pipeline.reader"),
    "nightdesk": (
        "pipeline._version",
        "pipeline.reader",
        CORE,
        "pipeline.fulltext",
        "pipeline.store.read",
    ),
    # the crawler runs in processes of its own and stores through one session
    "crawler": (*VALUES, "pipeline.process_messages", "pipeline.store.crawl.session"),
    "migrations": ("pipeline.config", "pipeline.store.db"),
}
# Packages of others that only one place may import.
ONLY = {
    "scrapy": ("crawler",),
    "twisted": ("crawler",),
    "playwright": ("crawler.rendering",),
    "scrapy_playwright": ("crawler.rendering",),
    "trafilatura": ("pipeline.extract",),
    "sqlalchemy": ("pipeline.store", "migrations"),
    "alembic": ("pipeline.store", "migrations"),
    "pebble": ("pipeline.jobs.workers",),
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
    "cryptography": (
        "pipeline.evidence.keys",
        "pipeline.evidence.timestamps",
        "pipeline.jobs.sealed_bytes",
    ),
    "rfc3161_client": ("pipeline.evidence.timestamps",),
    "apscheduler": ("pipeline.scheduler.service", "pipeline.config.cron"),
}
# Who may read the environment, and why.
ENVIRONMENT_READERS = {
    "pipeline.config.home_folder",  # the variables of the home folder and the archive
    "pipeline.config.settings",
    "pipeline.scheduler.service",  # it gives its environment to its children
    "pipeline.scheduler.child_runs",
    "pipeline.scheduler.sd_notify",  # systemd passes three variables
    "pipeline.cluster.worker",
    "pipeline.cli.completion",  # shells say there what was typed so far
    "pipeline.offline.ray_runner",  # variables keep Ray on this machine
}

pytestmark = pytest.mark.xdist_group("layers")  # one worker reads all modules once


def find_modules() -> dict[str, Path]:
    """Return every module of the project by its dotted name."""
    modules = {}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            modules[name] = path
    return modules


MODULES = find_modules()


@cache
def tree(name: str) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(MODULES[name].read_text(encoding="utf8"))


@cache
def imports(name: str) -> tuple[str, ...]:
    """Return the dotted names of the modules that a module imports, wherever in it."""
    return tuple(_imports(name, ast.walk(tree(name))))


@cache
def runtime_imports(name: str) -> tuple[str, ...]:
    """Return the imports of a module but for those that only a type checker sees."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for statement in node.body:
                skipped.update(ast.walk(statement))
    return tuple(_imports(name, (node for node in ast.walk(tree(name)) if node not in skipped)))


def _imports(name: str, nodes: Iterable[ast.AST]) -> Iterator[str]:
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                parents = package.split(".")
                base = parents[: len(parents) - node.level + 1]
                source = ".".join([*base, source] if source else base)
            for alias in node.names:
                submodule = f"{source}.{alias.name}"
                yield submodule if submodule in MODULES else source


def is_inside(name: str, package: str) -> bool:
    """Say whether a module is a package or lies in it."""
    return name == package or name.startswith(f"{package}.")


def package_of(name: str) -> str:
    """Return the longest name of the table that a module lies in, or ""."""
    if name == "pipeline":
        return "pipeline"
    fitting = [each for each in ALLOWED if each != "pipeline" and is_inside(name, each)]
    return max(fitting, key=len, default="")


def is_allowed(importer: str, imported: str) -> bool:
    """Say whether one module may import the other."""
    package = package_of(importer)
    if is_inside(imported, package) and package != "pipeline":
        return True
    for allowed in ALLOWED[package]:
        if allowed == "pipeline" and imported == "pipeline":
            return True
        if allowed != "pipeline" and is_inside(imported, allowed):
            return True
    return False


def test_every_module_is_in_the_table() -> None:
    names = [name for name in MODULES if MODULES[name].read_text(encoding="utf8").strip()]
    assert not [name for name in names if not package_of(name)]


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_the_table_allows(package: str) -> None:
    wrong = []
    for name in MODULES:
        if package_of(name) != package:
            continue
        for imported in imports(name):
            if imported.split(".")[0] in FOLDERS and not is_allowed(name, imported):
                wrong.append(f"{name} imports {imported}")
    assert not wrong


def test_no_import_cycle_exists_also_not_through_imports_in_functions() -> None:
    """Check all imports; a parent package counts only where it is imported by name."""
    edges = {name: {each for each in runtime_imports(name) if each in MODULES} for name in MODULES}
    finished: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join([*path[path.index(name) :], name])
        if name in finished:
            return
        for imported in sorted(edges[name] - {name}):
            visit(imported, (*path, name))
        finished.add(name)

    for name in sorted(MODULES):
        visit(name, ())


@pytest.mark.parametrize("package", ONLY)
def test_a_foreign_package_is_imported_in_its_place_only(package: str) -> None:
    importers = {name for name in MODULES for each in imports(name) if is_inside(each, package)}
    assert importers, "no module imports it: the rule is out of date"
    wrong = [
        name for name in importers if not any(is_inside(name, place) for place in ONLY[package])
    ]
    assert not wrong


def test_only_named_modules_read_the_environment() -> None:
    readers = set()
    for name in MODULES:
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb"):
                readers.add(name)
    assert readers <= ENVIRONMENT_READERS


def test_no_module_connects_or_reads_settings_when_it_is_imported() -> None:
    forbidden = ("create_engine", "Database", "Settings", "load", "open")
    wrong = []
    for name in MODULES:
        if is_inside(name, "migrations"):
            continue
        for node in tree(name).body:
            is_statement = isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr))
            if is_statement and isinstance(node.value, ast.Call):
                function = ast.unparse(node.value.func)
                if function.split(".")[-1] in forbidden:
                    wrong.append(f"{name}: {function}")
    assert not wrong


def test_no_handler_of_all_exceptions_is_silent() -> None:
    silent = []
    for name in MODULES:
        for node in ast.walk(tree(name)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            is_broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            if is_broad and all(isinstance(each, (ast.Pass, ast.Continue)) for each in node.body):
                silent.append(f"{name}:{node.lineno}")
    assert not silent


def test_every_module_says_what_it_is_for() -> None:
    assert not [name for name in MODULES if tree(name).body and not ast.get_docstring(tree(name))]


def test_the_tests_import_the_code_of_this_checkout() -> None:
    assert Path(pipeline.__file__).is_relative_to(ROOT)


def test_the_configuration_is_data_and_no_package() -> None:
    assert not list((ROOT / "config").rglob("__init__.py"))


def pyproject() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))


def test_the_wheel_holds_every_package() -> None:
    patterns = pyproject()["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.rstrip("*") for pattern in patterns} == set(FOLDERS)
    for path in MODULES.values():
        for folder in path.relative_to(ROOT).parents:
            assert folder == Path() or (ROOT / folder / "__init__.py").exists(), folder


def test_the_version_is_written_once() -> None:
    assert pyproject()["project"]["version"] == pipeline.__version__


def test_the_distribution_cannot_be_uploaded_by_mistake() -> None:
    assert "Private :: Do Not Upload" in pyproject()["project"]["classifiers"]
