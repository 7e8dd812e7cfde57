"""Settings for every test: no token of the machine, and no deadline that load could miss."""

from __future__ import annotations

import pytest
from hypothesis import settings

from ghpkg_async.auth import DOTCOM_VARIABLES, ENTERPRISE_VARIABLES

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _no_token_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*DOTCOM_VARIABLES, *ENTERPRISE_VARIABLES, "GH_HOST"):
        monkeypatch.delenv(variable, raising=False)
