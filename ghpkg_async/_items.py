"""What awaiting a listing gives: a list, which a notebook shows as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

__all__ = ["Items"]

T = TypeVar("T")


class Items(list[T]):
    """Packages or versions: a list that shows as a table in a notebook, and becomes a data frame.

    In all else it is a list: it prints, compares and pickles as one, and what is made of it, like
    a slice of it or a sorted one, is one. ``Items(sorted(packages, key=...))`` shows as a table
    again.

    Args:
        items: what it holds.
        kind: what it would hold were it empty, like ``Package``, for a data frame's columns.
    """

    # No __dict__: a list with room for attributes would be one more difference to a list.
    __slots__ = ("_kind",)

    def __init__(self, items: Iterable[T] = (), *, kind: type[T] | None = None) -> None:
        super().__init__(items)
        self._kind = kind

    def __reduce_ex__(self, _protocol: Any) -> tuple[type[list[T]], tuple[()], None, Iterator[T]]:
        # As a list: who reads the pickle need not have this version, nor this library's.
        return list, (), None, iter(self)

    def to_arrow(self) -> pa.Table:
        """The items as a table of Arrow; see `ghpkg_async.tables.to_arrow`."""
        from .tables import to_arrow

        return to_arrow(self, kind=self._kind)

    def to_pandas(self) -> pd.DataFrame:
        """The items as a data frame of pandas; see `ghpkg_async.tables.to_pandas`."""
        from .tables import to_pandas

        return to_pandas(self, kind=self._kind)

    def _repr_html_(self) -> str | None:
        from .tables._display import items_html

        return items_html(self, self._kind)
