"""Settings for every test: no token of the machine, and no deadline that load could miss."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import settings

from ghpkg_async._session.auth import DOTCOM_VARIABLES, ENTERPRISE_VARIABLES
from ghpkg_async.testing import Behaves

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

PROCESSES = {"bare", "ghpkg"}
"""Fixtures that run the command as a process."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start processes, a browser or a cluster, by the fixtures they use."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for fixture in fixtures & {"browser", "cluster"}:
            item.add_marker(fixture)
        if fixtures & {*PROCESSES, "browser", "cluster"}:
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def _no_token_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*DOTCOM_VARIABLES, *ENTERPRISE_VARIABLES, "GH_HOST"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(params=get_args(Behaves))
def behaves(request: pytest.FixtureRequest) -> Behaves:
    """Each GitHub that the embedded server imitates, in turn."""
    behaves: Behaves = request.param
    return behaves
