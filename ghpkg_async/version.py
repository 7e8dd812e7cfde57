"""The version, once: what is built bears it, and what is sent tells it."""

from __future__ import annotations

__version__ = "0.1.0"
