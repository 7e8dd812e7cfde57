"""`Items`, the list that an awaited listing returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]

__all__ = ["AwaitFirst", "Items"]

T = TypeVar("T")
S = TypeVar("S")


class AwaitFirst:
    """Base of listings and audits, which are tables only when they have been awaited."""

    if not TYPE_CHECKING:  # Type checkers would treat every attribute as defined.

        def __getattr__(self, name: str) -> Any:
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            if name in ("to_arrow", "to_pandas", "to_polars"):
                message += f"; await it first: (await ...).{name}()"
            raise AttributeError(message, name=name, obj=self)


class Items(list[T]):
    """List of packages or versions that notebooks show as a table, and that becomes a data frame.

    A slice, a copy and a sum are `Items` too. It prints, compares and pickles as a list. Python's
    ``sorted`` returns a plain list: ``Items(sorted(packages, key=...))``, or ``packages.sort()``.

    Args:
        items: the packages or versions.
        kind: the type of the items, like ``Package``, for the columns of an empty list.
    """

    # No __dict__: a list with room for attributes would be one more difference to a list.
    __slots__ = ("_kind",)

    def __init__(self, items: Iterable[T] = (), *, kind: type[T] | None = None) -> None:
        super().__init__(items)
        self._kind = kind

    def __reduce_ex__(self, _protocol: Any) -> tuple[type[list[T]], tuple[()], None, Iterator[T]]:
        # Pickled as a list, so that it can be loaded without this library, or with another version.
        return list, (), None, iter(self)

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> T: ...
    @overload
    def __getitem__(self, index: slice, /) -> Items[T]: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> T | Items[T]:
        if isinstance(index, slice):
            return Items(super().__getitem__(index), kind=self._kind)
        return super().__getitem__(index)

    @overload
    def __add__(self, other: list[T], /) -> Items[T]: ...
    @overload
    def __add__(self, other: list[S], /) -> Items[S | T]: ...
    def __add__(self, other: list[Any], /) -> Items[Any]:
        if not isinstance(other, list):
            return NotImplemented
        return Items([*self, *other], kind=self._kind)

    def copy(self) -> Items[T]:
        """A shallow copy."""
        return self[:]

    __copy__ = copy

    def to_arrow(self) -> pa.Table:
        """The items as a table of Arrow; see `ghpkg_async.tables.to_arrow`."""
        from .tables import to_arrow

        return to_arrow(self, kind=self._kind)

    def to_pandas(self) -> pd.DataFrame:
        """The items as a data frame of pandas; see `ghpkg_async.tables.to_pandas`."""
        from .tables import to_pandas

        return to_pandas(self, kind=self._kind)

    def to_polars(self) -> pl.DataFrame:
        """The items as a data frame of Polars; see `ghpkg_async.tables.to_polars`."""
        from .tables import to_polars

        return to_polars(self, kind=self._kind)

    def _repr_html_(self) -> str | None:
        from .tables._display import items_html

        return items_html(self, self._kind)
