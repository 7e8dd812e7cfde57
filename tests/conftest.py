"""What every test stands on: no token of the machine's, and the reference pages."""

from __future__ import annotations

import pytest

from ghpkg_async.auth import DOTCOM_VARIABLES, ENTERPRISE_VARIABLES


@pytest.fixture(autouse=True)
def _no_token_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*DOTCOM_VARIABLES, *ENTERPRISE_VARIABLES):
        monkeypatch.delenv(variable, raising=False)
