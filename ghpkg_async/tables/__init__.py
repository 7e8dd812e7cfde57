"""Packages, versions and audits as data frames.

    packages = await gh.org("acme").packages("container")
    packages.to_pandas()                           # or .to_polars(), .to_arrow()
    (await gh.audit(["acme"])).to_pandas()
    to_pandas(sorted(packages, key=...))           # any list of them

`to_arrow` needs pyarrow, `to_pandas` pandas and `to_polars` polars alone; each is imported on first
use.
"""

from ._convert import to_arrow, to_pandas, to_polars

__all__ = ["to_arrow", "to_pandas", "to_polars"]
