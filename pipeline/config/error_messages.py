"""How a wrong setting is told to a person: one sentence with the file, the key, and the nearest key that exists."""

from __future__ import annotations

from difflib import get_close_matches

from pydantic import BaseModel, ValidationError


def explain_validation(where: str, error: ValidationError, model: type[BaseModel]) -> str:
    """One sentence for all that is wrong in one file; `where` names the file."""
    return f"{where}: " + "; ".join(
        _explain(item["loc"], item["type"], item["msg"], model) for item in error.errors()
    )


def _explain(loc: tuple[int | str, ...], kind: str, message: str, model: type[BaseModel]) -> str:
    key = ".".join(str(part) for part in loc if isinstance(part, str))
    if kind == "extra_forbidden":
        return f"unknown key '{key}'{_nearest(loc, model)}"
    if kind == "missing":
        return f"the key '{key}' is missing"
    message = message.removeprefix("Value error, ")
    message = message[:1].lower() + message[1:] if message.startswith("Input") else message
    return f"'{key}': {message}" if key else message


def _nearest(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    table: type[BaseModel] = model
    for part in loc[:-1]:
        field = table.model_fields.get(str(part))
        annotation = field.annotation if field else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return ""
        table = annotation
    return nearest(
        str(loc[-1]), [name for name in table.model_fields if name not in ("id", "home")]
    )


def nearest(key: str, known: list[str], prefix: str = "", *, upper: bool = False) -> str:
    """The end of the sentence: the key that was probably meant, or all that there are."""
    close = get_close_matches(key, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{prefix}{close[0].upper() if upper else close[0]}'?"
    return f"; known keys are {', '.join(sorted(known))}"
