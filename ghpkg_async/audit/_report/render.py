"""Render an audit as HTML, and write it to a file."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..._files import AtomicFile
from ..._text import counted, printable
from .._wording import day, moment
from .page import page_of
from .rows import EMPTY_ROW

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from .._audit_report import AuditReport
    from .._compare import Comparison
    from .._findings import Finding

__all__ = ["render_report", "write_report"]

_HERE: Final = "ghpkg_async.audit._report"
_ASSETS: Final = "assets"
_STYLES: Final = ("colors.css", "page.css", "charts.css", "table.css", "phone.css", "print.css")
"""In cascade order."""


def write_report(
    report: AuditReport,
    path: Path,
    *,
    comparison: Comparison | None = None,
    findings: Iterable[Finding] | None = None,
    since: datetime | None = None,
) -> None:
    """Write an audit as one HTML file, which replaces an earlier file in one step.

    Args:
        report: the audit.
        path: the file.
        comparison: the changes since an earlier audit, to be shown too.
        findings: the findings to show; ``None`` if no rules were applied.
        since: start of the earlier audit, aware, to be shown too.

    Raises:
        ConfigurationError: the file cannot be written.
        OSError: writing failed, for example because the disk is full.
    """
    text = render_report(report, comparison=comparison, findings=findings, since=since)
    page = AtomicFile(path)
    with page.discard_on_error():
        page.file.write(text.encode())
    page.commit()


def render_report(
    report: AuditReport,
    *,
    comparison: Comparison | None = None,
    findings: Iterable[Finding] | None = None,
    since: datetime | None = None,
) -> str:
    """Render an audit as one HTML page; ages count back from the start of the audit.

    Args:
        report: the audit.
        comparison: the changes since an earlier audit, to be shown too.
        findings: the findings to show; ``None`` if no rules were applied.
        since: start of the earlier audit, aware, to be shown too.
    """
    return render_page(
        "report.html.j2",
        script=_inline("report.js"),
        page=page_of(report, comparison=comparison, findings=findings, since=since),
        empty_row=EMPTY_ROW,
    )


def render_page(template: str, *, script: str = "", **values: Any) -> str:
    """Render a template of this package in the look that all reports share.

    Args:
        template: name of the template.
        script: the page's script.
        values: values for the template.
    """
    style = _inline(*_STYLES)
    return (
        _environment()
        .get_template(template)
        .render(
            policy=_policy(style=style, script=script),
            style=Markup(style),  # noqa: S704  (The package's own file.)
            script=Markup(script),  # noqa: S704
            **values,
        )
    )


def _policy(*, style: str, script: str) -> str:
    """Return the Content-Security-Policy: this style and this script, and nothing else.

    Markup that got into the page despite all escaping could neither run nor load nor send anything,
    and the page's own script cannot turn a text into markup.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _inline(*names: str) -> str:
    """Return files of the package as one text, for inclusion in the page."""
    folder = files(_HERE) / _ASSETS
    texts = [(folder / name).read_text(encoding="utf-8") for name in names]
    # Browsers hash the text with normalized line ends.
    return "\n" + "\n".join("\n".join(texts).splitlines()) + "\n"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(_HERE, _ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(counted=counted, day=day, moment=moment, number=_number)
    # `tojson` writes no character of which markup is made, and none that is not ASCII.
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment


def _visible(value: Any) -> Any:
    """Make invisible characters of a text visible; applied to each expression before escaping."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value)


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
