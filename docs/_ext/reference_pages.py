"""Generates the reference pages from the code, so that they cannot differ from it.

Each generator returns Markdown. The build writes the text to `docs/_generated`, and the pages in
`docs/reference` include it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx

FOLDER = Path(__file__).parents[1] / "_generated"
SECTION_ORDER_KEY = "rich_help_panel"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the generators with Sphinx."""
    app.connect("builder-inited", lambda _app: write_pages(FOLDER))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(folder: Path) -> None:
    """Write every generated page, and leave a page alone whose text did not change."""
    folder.mkdir(exist_ok=True)
    for name, generate in GENERATORS.items():
        path = folder / f"{name}.md"
        text = generate()
        if not path.exists() or path.read_text(encoding="utf8") != text:
            path.write_text(text, encoding="utf8")


def cli() -> str:
    """Return all commands with their options, grouped as `nightdesk --help` groups them."""
    from pipeline.cli import application

    group: Any = typer.main.get_command(application())
    lines = ["## Options before the command", "", *_option_table(group.params), ""]
    panels: dict[str, list[Any]] = {}
    for command in group.commands.values():
        panel = getattr(command, SECTION_ORDER_KEY, "")
        name = panel if isinstance(panel, str) and panel else "Commands"
        panels.setdefault(name, []).append(command)
    for panel, commands in panels.items():
        lines += [f"## {panel}", ""]
        for command in commands:
            lines += _command(command)
    return "\n".join(lines)


def _command(command: Any) -> Iterator[str]:
    arguments = [_metavar(each) for each in command.params if each.param_type_name == "argument"]
    yield f"### `nightdesk {command.name}`"
    yield ""
    yield from _plain(command.help or "").splitlines()
    yield ""
    yield "```text"
    yield " ".join(["nightdesk", command.name, *arguments, "[OPTIONS]"])
    yield "```"
    yield ""
    yield from _option_table(command.params)
    yield ""
    examples = [line for line in _plain(command.epilog or "").splitlines() if "nightdesk" in line]
    if examples:
        yield "```text"
        yield from examples
        yield "```"
        yield ""


def _metavar(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    if parameter.nargs == -1:
        name = f"{name}..."
    return name if parameter.required else f"[{name}]"


def _option_table(parameters: Sequence[Any]) -> Iterator[str]:
    rows = [each for each in parameters if each.name not in ("help", "version")]
    if not rows:
        return
    yield "| Argument or option | Default | Meaning |"
    yield "|---|---|---|"
    for each in rows:
        names = "`, `".join([*each.opts, *each.secondary_opts])
        if each.param_type_name == "argument":
            names = each.metavar or each.name.upper()
        yield f"| `{names}` | {_default(each)} | {_cell(_plain(each.help or ''))} |"


def _default(parameter: Any) -> str:
    shown = parameter.show_default
    if isinstance(shown, str):
        return _cell(shown)
    value = parameter.default
    if callable(value) or value in (None, False, (), [], ""):
        return ""
    return f"`{getattr(value, 'value', value)}`"


def _plain(text: str) -> str:
    """Return help text without the markup of the terminal."""
    plain = re.sub(r"\[/?(?:bold|dim|cyan|green|yellow|italic)\]", "", text)
    return plain.replace("\b", "").strip()


def _cell(text: str) -> str:
    """Return text that may stand in a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def settings() -> str:
    """Return the keys of `config/nightdesk.toml`."""
    from pipeline.config.settings import Settings

    lines = ["| Key | Environment variable | Default | Meaning |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        if field.exclude:
            continue
        variable = f"NIGHTDESK_{name.upper()}"
        lines.append(f"| `{name}` | `{variable}` | {_value(field)} | {_meaning(field)} |")
    return "\n".join(lines) + "\n"


def site_file() -> str:
    """Return the keys of a site file, the tables after the plain keys."""
    from pipeline.config.site import Site

    plain, tables = [], []
    for name, field in Site.model_fields.items():
        if name == "id":
            continue
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            tables += ["", f"## `[{name}]`", "", *_field_rows(model, f"{name}.")]
        else:
            plain.append(_field_row(name, field))
    head = ["| Key | Default | Meaning |", "|---|---|---|"]
    return "\n".join([*head, *plain, *tables]) + "\n"


def _field_rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    yield "| Key | Default | Meaning |"
    yield "|---|---|---|"
    for name, field in model.model_fields.items():
        yield _field_row(prefix + name, field)


def _field_row(name: str, field: FieldInfo) -> str:
    return f"| `{name}` | {_value(field)} | {_meaning(field)} |"


def _value(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, Path):
        value = str(value)
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _meaning(field: FieldInfo) -> str:
    if not field.description:
        raise ValueError(f"a field without a description: {field!r}")
    return _cell(field.description)


def rules() -> str:
    """Return the cleaning rules in the order in which they are applied."""
    from pipeline.cleaning.rules.registry import RULES

    lines = ["| Rule | Version | Removes |", "|---|---|---|"]
    for rule in RULES:
        lines.append(f"| `{rule.name}` | {rule.version} | {_cell(rule.description)} |")
    return "\n".join(lines) + "\n"


def outcomes() -> str:
    """Return the outcomes and the reasons of the ledger."""
    from pipeline.core.outcomes import OUTCOME_MEANINGS, REASON_MEANINGS

    lines = ["## Outcomes", "", "| Outcome | Set by | Meaning |", "|---|---|---|"]
    for outcome, (jobs, meaning) in OUTCOME_MEANINGS.items():
        lines.append(f"| `{outcome}` | {_cell(jobs)} | {_cell(meaning)} |")
    lines += ["", "## Reasons", "", "| Reason | Goes with | Meaning |", "|---|---|---|"]
    for reason, (goes_with, meaning) in REASON_MEANINGS.items():
        lines.append(f"| `{reason}` | {_cell(goes_with)} | {_cell(meaning)} |")
    return "\n".join(lines) + "\n"


def exit_codes() -> str:
    """Return the exit codes of all commands."""
    from pipeline.core.errors import EXIT_CODE_MEANINGS

    lines = ["| Code | Name | Meaning |", "|---|---|---|"]
    for code, meaning in EXIT_CODE_MEANINGS.items():
        lines.append(f"| {int(code)} | `{code.name}` | {_cell(meaning)} |")
    return "\n".join(lines) + "\n"


def layers() -> str:
    """Return the table of the packages and of what each of them may import."""
    from tests.test_layers import ALLOWED

    lines = ["| Package | May import |", "|---|---|"]
    for package, allowed in ALLOWED.items():
        names = ", ".join(f"`{each}`" for each in allowed) or "nothing of the project"
        lines.append(f"| `{package}` | {names} |")
    return "\n".join(lines) + "\n"


def http_api() -> str:
    """Return the endpoints of the HTTP API from its OpenAPI description."""
    from pipeline.web.app import openapi_schema

    schema = openapi_schema()
    lines: list[str] = []
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            lines += _operation(method, path, operation)
    lines += ["## Schemas", ""]
    for name, model in schema["components"]["schemas"].items():
        lines += _schema(name, model)
    return "\n".join(lines) + "\n"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"## `{method.upper()} {path}`"
    yield ""
    yield operation.get("description") or operation.get("summary", "")
    yield ""
    if operation.get("parameters"):
        yield "| Parameter | In | Type | Meaning |"
        yield "|---|---|---|---|"
        for each in operation["parameters"]:
            kind = _type(each.get("schema", {}))
            meaning = _cell(each.get("description", ""))
            yield f"| `{each['name']}` | {each['in']} | {kind} | {meaning} |"
        yield ""
    answers = []
    for code, answer in operation["responses"].items():
        answers.append(f"`{code}`: {_cell(answer.get('description', ''))}{_answer_type(answer)}")
    yield "Answers: " + "; ".join(answers) + "."
    yield ""


def _answer_type(answer: Mapping[str, Any]) -> str:
    for content in answer.get("content", {}).values():
        return f" ({_type(content.get('schema', {}))})"
    return ""


def _schema(name: str, model: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    if model.get("description"):
        yield " ".join(model["description"].split())
        yield ""
    if model.get("properties"):
        yield "| Field | Type | Meaning |"
        yield "|---|---|---|"
        for field, value in model["properties"].items():
            yield f"| `{field}` | {_type(value)} | {_cell(value.get('description', ''))} |"
        yield ""


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", "any"))


GENERATORS: dict[str, Callable[[], str]] = {
    "cli": cli,
    "settings": settings,
    "site_file": site_file,
    "rules": rules,
    "outcomes": outcomes,
    "exit_codes": exit_codes,
    "layers": layers,
    "http_api": http_api,
}
