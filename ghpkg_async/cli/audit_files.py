"""The files of one `ghpkg audit`: opened, checked and written together."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

from ghpkg_async import ConfigurationError
from ghpkg_async.audit import Baseline
from ghpkg_async.audit.outputs import JsonlFile, open_output, read_header, read_records
from ghpkg_async.cli.failures import WrongUsage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import ExitStack
    from datetime import datetime
    from pathlib import Path

    from ghpkg_async.audit import AuditHeader, Record, Unit
    from ghpkg_async.audit.outputs import Output

__all__ = ["Files", "typed_as"]


@attrs.define
class Files:
    """Every file of a run.

    Attributes:
        outputs: where to write the records.
        report: where to write the report.
        compare: the earlier output.
        baseline: what is in it.
        since: when that audit began, if it tells.
    """

    _paths: Sequence[Path]
    report: Path | None
    compare: Path | None
    outputs: list[Output] = attrs.field(factory=list, init=False)
    baseline: Baseline | None = attrs.field(default=None, init=False)
    since: datetime | None = attrs.field(default=None, init=False)

    @property
    def resumable(self) -> JsonlFile | None:
        """The output that an audit can go on with."""
        return next((each for each in self.outputs if isinstance(each, JsonlFile)), None)

    @property
    def done(self) -> frozenset[Unit]:
        """The listings that an earlier run finished."""
        return self.resumable.done if self.resumable else frozenset()

    def open(self, header: AuditHeader, stack: ExitStack) -> None:
        """Opens them all, and changes none.

        Args:
            header: what the audit is asked.
            stack: closes them.

        Raises:
            WrongUsage: one of them cannot be what it is said to be.
        """
        self._check_distinct()
        if self.report is not None:
            _check_report(self.report)
        if self.compare is not None:
            with typed_as("--compare"):
                earlier = read_header(self.compare)
                self.baseline = Baseline.of(read_records(self.compare))
            self.since = earlier.started_at if earlier else None
        for path in self._paths:
            with typed_as("--output"):
                output = open_output(path, header)
            stack.callback(output.close)
            self.outputs.append(output)

    def begin(self) -> Iterator[Record]:
        """Makes ready to write; what an earlier run left goes to the other outputs, and on."""
        for output in self.outputs:
            output.begin()
        if self.resumable is not None:
            yield from self.resumable.kept()

    def write(self, records: Sequence[Record], *, kept: bool) -> None:
        """Writes the records; those that were kept are in the resumed output already."""
        for output in self.outputs:
            if not (kept and output is self.resumable):
                output.write(records)

    def _check_distinct(self) -> None:
        paths = [path.absolute() for path in self._paths]
        if len(set(paths)) < len(paths):
            raise WrongUsage("--output: the same file twice")
        if sum(path.suffix.lower() == ".jsonl" for path in paths) > 1:
            raise WrongUsage("--output: one .jsonl is enough; the audit goes on with that one")
        for option, path in (("--compare", self.compare), ("--report", self.report)):
            if path is not None and path.absolute() in paths:
                raise WrongUsage(f"{option}: {path} is an --output too")


def _check_report(path: Path) -> None:
    if path.suffix.lower() not in (".html", ".htm"):
        raise WrongUsage(f"--report: {path}: a report is HTML; call it {path.stem}.html")
    try:
        import ghpkg_async.audit.report  # noqa: F401
    except ImportError:
        raise WrongUsage('--report: needs an extra: pip install "ghpkg-async[report]"') from None
    if path.is_dir() or not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise WrongUsage(f"--report: {path}: cannot be written")


@contextmanager
def typed_as(option: str, *, whole: bool = False) -> Iterator[None]:
    """Makes an error about an argument of the library one about what was typed.

    Args:
        option: what was typed.
        whole: whether the message names no argument of the library's.
    """
    try:
        yield
    except ConfigurationError as error:
        message = str(error)
        argument, _, rest = message.partition(": ")
        of_library = not whole and argument in ("owners", "rules", "shard")
        raise WrongUsage(f"{option}: {rest if of_library else message}") from None
