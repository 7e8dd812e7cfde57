"""Packages and versions in the JSON of the API."""

from __future__ import annotations

from typing import Any


def version(number: int, **fields: Any) -> dict[str, Any]:
    """Return a version; fields replace or add to the defaults."""
    return {
        "id": number,
        "name": f"v{number}",
        "url": "",
        "package_html_url": "",
        "created_at": "2024-01-01T00:00:00Z",
        "updated_at": "2024-01-01T00:00:00Z",
        **fields,
    }


def package(number: int, **fields: Any) -> dict[str, Any]:
    """Return a package; fields replace or add to the defaults."""
    return {
        "id": number,
        "name": f"p{number}",
        "package_type": "npm",
        "version_count": 1,
        "visibility": "public",
        "url": "",
        "html_url": "",
        "created_at": "2024-01-01T00:00:00Z",
        "updated_at": "2024-01-01T00:00:00Z",
        **fields,
    }
