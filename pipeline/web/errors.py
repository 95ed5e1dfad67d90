"""Errors of a request: their status and message, and their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from pipeline.core.errors import ConfigError, NightdeskError
from pipeline.web.api_schemas import ErrorOut

JSON = "application/json"


class NotInArchive(Exception):
    """The archive does not have what the request names; the message is one sentence."""


class InvalidRequest(Exception):
    """The request has a value that is not possible; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class WebError:
    """What a client learns of an error."""

    status: int
    title: str
    message: str


NOT_FOUND = WebError(404, "No such page", "There is nothing at this address.")
INTERNAL_ERROR = WebError(
    500, "Internal error", "This is a fault in Nightdesk; the log has the details."
)
HANDLED_ERRORS: tuple[type[Exception], ...] = (
    HTTPException,
    RequestValidationError,
    NotInArchive,
    InvalidRequest,
    NightdeskError,
    Exception,
)


def describe_error(error: Exception) -> WebError:
    """Return what the client learns of an error: never a traceback, a path or a statement."""
    match error:
        case NotInArchive():
            return WebError(404, "Not in the archive", str(error))
        case HTTPException(status_code=404):
            return NOT_FOUND
        case HTTPException():
            return WebError(error.status_code, "This cannot be done here", str(error.detail))
        case RequestValidationError():
            return _describe_invalid_values(error)
        case InvalidRequest() | ConfigError():
            return WebError(400, "Invalid request", str(error))
        case NightdeskError():
            message = f"The archive cannot be read now ({type(error).__name__}); the log says why."
            return WebError(503, "The archive cannot be read now", message)
        case _:
            return INTERNAL_ERROR


def _describe_invalid_values(error: RequestValidationError) -> WebError:
    locations = [detail["loc"] for detail in error.errors()]
    if any(location[0] == "path" for location in locations):
        return NOT_FOUND
    names = ", ".join(f"'{location[-1]}'" for location in locations)
    return WebError(400, "Invalid request", f"The address has an invalid value: {names}.")


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as JSON.

    Args:
        status: The HTTP status.
        message: What is wrong, in one sentence.
        headers: Further headers.
    """
    body = ErrorOut(error=message).model_dump_json()
    return Response(body, status, dict(headers or {}), JSON)
