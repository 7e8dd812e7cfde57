"""An audit on a Dask cluster, written as one Parquet file for each part of the owners.

    from distributed import Client
    from ghpkg_async.audit.cluster import audit_on

    with Client("tcp://scheduler:8786") as cluster:
        report = audit_on(cluster, owners, "/shared/audit", tokens=tokens)
    print(report.packages, "packages,", len(report.failures), "failures")

Needs the extra ``dask``. The files have the columns of any audit's Parquet file, and are read
together as one data set:

    duckdb.sql("SELECT owner, count(*) FROM '/shared/audit/*.parquet' GROUP BY owner")
    pandas.read_parquet("/shared/audit")

One process is faster than the rate limits of one token, so a cluster only helps with many
independent tokens, or with an Enterprise Server without rate limits. Parts that share a token share
its rate limits, and are together no faster than one process.
"""

from ._part import Part
from ._plan import ClientOptions
from ._run import ClusterReport, audit_on

__all__ = ["ClientOptions", "ClusterReport", "Part", "audit_on"]
