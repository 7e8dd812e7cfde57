"""Embedded server with packages to get, list, delete and restore."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.embedded import publish_left_and_long

if TYPE_CHECKING:
    from ghpkg_async.testing import EmbeddedGitHub


@pytest.fixture
def github(github: EmbeddedGitHub) -> EmbeddedGitHub:
    """Return the embedded server with npm packages of 3 and of 250 versions."""
    publish_left_and_long(github.world)
    return github
