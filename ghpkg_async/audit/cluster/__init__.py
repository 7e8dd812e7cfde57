"""The same audit over a Dask cluster, with a Parquet file a part. Needs the extra ``dask``.

    from distributed import Client
    from ghpkg_async.audit.cluster import audit_on

    with Client("tcp://scheduler:8786") as cluster:
        report = audit_on(cluster, owners, "/shared/audit", tokens=tokens)
    print(report.packages, "packages,", len(report.failures), "failures")

The parts are one data set, of the columns that every audit's Parquet file has:

    duckdb.sql("SELECT owner, count(*) FROM '/shared/audit/*.parquet' GROUP BY owner")
    pandas.read_parquet("/shared/audit")

One process outruns by far what GitHub lets one token ask, so a cluster is for those with many
independent tokens, or with an Enterprise Server that has no limits. Parts that share a token share
what it may spend, and are together no faster than one process with it.
"""

from ._part import Part
from ._plan import ClientOptions
from ._run import ClusterReport, audit_on

__all__ = ["ClientOptions", "ClusterReport", "Part", "audit_on"]
