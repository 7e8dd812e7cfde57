"""The files of one `ghpkg audit`: opened, checked and written together."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

from ..audit import Baseline
from ..audit._outputs import format_of, open_output, read_header, read_records
from .durations import age_text
from .failures import WrongUsage, translate_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import ExitStack
    from datetime import timedelta
    from pathlib import Path

    from ..audit import AuditHeader, ListingKey, Record
    from ..audit._outputs import OutputFile

__all__ = ["Files", "is_markdown"]


@attrs.define
class Files:
    """The files of one run.

    Attributes:
        outputs: the outputs to write the records to.
        report: path of the report.
        compare: the earlier output to compare with.
        fresh: whether to audit anew instead of resuming.
        max_age: the longest time ago that a complete output may have begun.
        baseline: the content of ``compare``.
        since: when that audit began, if the file says so.
        is_placed: whether a fresh output has replaced the earlier one.
    """

    _paths: Sequence[Path]
    report: Path | None
    compare: Path | None
    fresh: bool
    max_age: timedelta
    outputs: list[OutputFile] = attrs.field(factory=list, init=False)
    baseline: Baseline | None = attrs.field(default=None, init=False)
    since: datetime | None = attrs.field(default=None, init=False)
    is_placed: bool = attrs.field(default=False, init=False)

    @property
    def resumable(self) -> OutputFile | None:
        """The output from which an audit can be resumed."""
        return next((output for output in self.outputs if output.is_resumable), None)

    @property
    def earlier(self) -> list[Path]:
        """The outputs that still hold an earlier audit, as this one has not ended."""
        return [each.path for each in self.outputs if not each.is_resumable and each.has_earlier]

    @property
    def done(self) -> frozenset[ListingKey]:
        """The listings that an earlier run completed."""
        return self.resumable.done if self.resumable else frozenset()

    def open(self, header: AuditHeader, stack: ExitStack) -> AuditHeader:
        """Open all files and change none.

        Args:
            header: the parameters of the audit.
            stack: closes the files when it exits.

        Returns:
            The header; if an audit is resumed, with the time at which that audit began.

        Raises:
            WrongUsage: a file cannot be used.
        """
        self._check_distinct()
        if self.report is not None:
            _check_report(self.report)
        if self.compare is not None:
            with translate_errors("--compare"):
                earlier = read_header(self.compare)
                self.baseline = Baseline.of(read_records(self.compare))
            self.since = earlier.started_at if earlier else None
        fresh_since = header.started_at - self.max_age if self.fresh else None
        # The resumed output first: the headers of the others have its time.
        with translate_errors("--output"):
            paths = sorted(self._paths, key=lambda path: not format_of(path).is_resumable)
        for path in paths:
            with translate_errors("--output"):
                output = open_output(path, header, fresh_since=fresh_since)
            stack.callback(output.close)
            self.outputs.append(output)
            header = attrs.evolve(header, started_at=output.header.started_at)
        return header

    def check_age(self) -> None:
        """Check that the complete output that is resumed is not too old.

        Raises:
            WrongUsage: its audit began longer ago than ``max_age``.
        """
        output = self.resumable
        if output is None or output.is_new:
            return
        age = datetime.now(UTC) - output.header.started_at
        if age > self.max_age:
            raise WrongUsage(
                f"--output: {output.path} is complete, and its audit began {age_text(age)} ago, "
                "which is more than --max-age. Add --fresh to audit anew, or name another file"
            )

    def begin(self) -> Iterator[Record]:
        """Start writing; yield the resumed run's records, for the caller to write to the others."""
        for output in self.outputs:
            output.begin()
        if self.resumable is not None:
            yield from self.resumable.kept()

    def finish(self, *, cut_short: bool) -> None:
        """Put the outputs in place of the earlier ones.

        Args:
            cut_short: whether a rate limit, a lost connection or a refused token ended the audit.
                Earlier outputs stay then, as if the audit had been interrupted.
        """
        for output in self.outputs:
            if not (cut_short and output.path.exists()):
                output.finish()
                self.is_placed = self.is_placed or output.is_resumable

    def write(self, records: Sequence[Record], *, kept: bool) -> None:
        """Write the records to all outputs.

        Args:
            records: the records.
            kept: whether the resumed output contains them already.
        """
        for output in self.outputs:
            if not (kept and output is self.resumable):
                output.write(records)

    def _check_distinct(self) -> None:
        paths = [path.absolute() for path in self._paths]
        if len(set(paths)) < len(paths):
            raise WrongUsage("--output: the same file twice")
        if sum(path.suffix.lower() == ".jsonl" for path in paths) > 1:
            raise WrongUsage("--output: one .jsonl is enough; the audit is resumed from it")
        if self.report is not None and self.report.absolute() in paths:
            raise WrongUsage(f"--report: {self.report} is an --output too")
        if self.compare is not None and self.compare.absolute() in paths and not self.fresh:
            raise WrongUsage(
                f"--compare: {self.compare} is an --output too; --fresh compares with it, then "
                "replaces it"
            )


def is_markdown(path: Path) -> bool:
    """Return whether a report's file name asks for Markdown."""
    return path.suffix.lower() == ".md"


def _check_report(path: Path) -> None:
    if path.suffix.lower() not in (".html", ".htm", ".md"):
        raise WrongUsage(f"--report: {path}: its name has to end in .html or .md")
    if not is_markdown(path):
        try:
            import ghpkg_async.audit._report  # noqa: F401
        except ImportError:
            message = '--report: needs an extra: pip install "ghpkg-async[report]"'
            raise WrongUsage(message) from None
    if path.is_dir() or not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise WrongUsage(f"--report: {path}: cannot be written")
