"""Version of the package, of its distribution and of the default ``User-Agent``."""

from __future__ import annotations

__version__ = "0.1.0"
