"""Explain a wrong setting: one sentence with the file, the key and the nearest known key."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from pipeline.core.suggestions import did_you_mean

NOT_KEYS = ("id", "home")  # fields that no file sets


def explain_validation(where: str, error: ValidationError, model: type[BaseModel]) -> str:
    """Explain all that is wrong in one file.

    Args:
        where: The name of the file.
        error: What pydantic raised.
        model: The model of the whole file, for the names of known keys.

    Returns:
        One sentence.
    """
    explanations = []
    for item in error.errors():
        explanations.append(_explain(item["loc"], item["type"], item["msg"], model))
    return f"{where}: " + "; ".join(explanations)


def suggest_key(key: str, known: list[str]) -> str:
    """Return the nearest known key, or all of them, as the end of a sentence."""
    return did_you_mean(key, sorted(known), "known keys are")


def _explain(
    location: tuple[int | str, ...], kind: str, message: str, model: type[BaseModel]
) -> str:
    key = ".".join(part for part in location if isinstance(part, str))
    if kind == "extra_forbidden":
        hint = _suggest_for(location, model)
        return f"unknown key '{key}'; {hint}" if hint else f"unknown key '{key}'"
    if kind == "missing":
        return f"the key '{key}' is missing"
    message = message.removeprefix("Value error, ")
    if message.startswith("Input"):
        message = message[:1].lower() + message[1:]
    return f"'{key}': {message}" if key else message


def _suggest_for(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Return the hint for an unknown key of a nested table; "" if the table itself is unknown."""
    table: type[BaseModel] = model
    for part in location[:-1]:
        field = table.model_fields.get(str(part))
        annotation = field.annotation if field else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return ""
        table = annotation
    known = [name for name in table.model_fields if name not in NOT_KEYS]
    return suggest_key(str(location[-1]), known)
