"""Hooks of the caller: an exception in a hook is logged and ignored."""

from __future__ import annotations

import pytest

from ghpkg_async._session.hooks import call_hook


def test_a_hook_is_called_with_the_event() -> None:
    events: list[str] = []
    call_hook("on_wait", events.append, "event")
    assert events == ["event"]


def test_an_exception_of_a_hook_is_logged_without_its_context(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: str) -> None:
        raise ValueError("no such gauge")

    try:
        raise ConnectionError("Authorization: Bearer ghp_secret")
    except ConnectionError:
        call_hook("on_wait", broken, "event")
    [record] = caplog.records
    assert (record.name, record.levelname, record.exc_info) == ("ghpkg_async", "ERROR", None)
    assert record.getMessage().startswith("on_wait raised an exception, which is ignored:")
    assert "ValueError: no such gauge" in record.getMessage()
    assert "ghp_secret" not in record.getMessage()


def test_an_interruption_passes() -> None:
    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call_hook("on_wait", interrupted, "event")
