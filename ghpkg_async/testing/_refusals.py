"""Requests that GitHub refuses, as exceptions with the HTTP status of the response."""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):
    """Operation that GitHub refuses.

    Attributes:
        status: HTTP status of GitHub's response.
    """

    status: ClassVar[int]


class NotThere(Refusal):
    """404: the resource does not exist, or the token may not see it."""

    status = 404


class NotAllowed(Refusal):
    """403: the token may see the resource, but may not use the operation on it."""

    status = 403


class BadRequest(Refusal):
    """400: a parameter is invalid, or a rule of GitHub forbids the operation."""

    status = 400


class Unprocessable(Refusal):
    """422: the request's body does not match its schema."""

    status = 422
