"""Destination of the records of `ghpkg audit`: files, sums, findings and the report."""

from collections.abc import Iterable, Sequence
from typing import Final

from .._files import AtomicFile
from ..audit import AuditHeader, AuditReport, Record, Rule
from .audit_files import Files, is_markdown
from .audit_printing import ResultsPrinter
from .audit_results import Results
from .github_actions import append_step_summary
from .output import Output

__all__ = ["RecordSink"]

BATCH_SIZE: Final = 1000
"""Records of an earlier run that are processed at a time."""


class RecordSink:
    """Destination of the records of an audit: files, sums, findings and the report."""

    def __init__(
        self,
        header: AuditHeader,
        rules: Sequence[Rule],
        files: Files,
        console: Output,
        allowed: frozenset[str] = frozenset(),
    ) -> None:
        self.files = files
        self._keeps_records = files.report is not None and not is_markdown(files.report)
        self._console = console
        self.results = Results(
            header,
            rules,
            files.baseline,
            allowed=allowed,
            keeps_all=self._keeps_records,
        )
        self._printer = ResultsPrinter(self.results, console)
        self._header = header
        self._records: list[Record] = []

    async def add_all(self, records: Iterable[Record]) -> None:
        """Add the records of an earlier run; an output that is resumed has them already."""
        batch: list[Record] = []
        for record in records:
            batch.append(record)
            if len(batch) == BATCH_SIZE:
                await self.add(batch, kept=True)
                batch = []
        await self.add(batch, kept=True)

    async def add(self, records: Sequence[Record], *, kept: bool = False) -> None:
        """Add records.

        Args:
            records: the records.
            kept: whether the resumed output has them already.
        """
        self.files.write(records, kept=kept)
        if self._keeps_records:
            self._records += records
        self.results.add(records)
        await self._printer.add(records)

    async def finish(self, last: str) -> None:
        """Finish the files, write the report and show the results.

        Args:
            last: the last line, on standard error.
        """
        self.files.finish(cut_short=self.results.is_cut_short)
        self.results.finish()
        markdown = self.results.markdown(self.files.since)
        path = self.files.report
        if self._keeps_records and path is not None:
            from ..audit._report import write_report

            write_report(
                AuditReport.of(self._header, self._records),
                path,
                comparison=self.results.comparison,
                findings=self.results.findings,
                since=self.files.since,
            )
        elif path is not None:
            report = AtomicFile(path)
            with report.discard_on_error():
                report.file.write(markdown.encode())
            report.commit()
        await self._printer.show(last)
        if problem := append_step_summary(markdown):
            self._console.note(problem)
