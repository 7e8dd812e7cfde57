"""Report of an audit as one self-contained HTML file, which can be opened offline.

    report = await gh.audit(["acme"], versions=True)
    write_report(report, Path("audit.html"), findings=report.findings(["public", "stale:365"]))

It has figures, charts, findings, changes, failures, and a sortable and filterable table of all
packages. Text from a server is escaped, only URLs of websites become links, and the
Content-Security-Policy of the file allows only its own script. The same audit makes the same file,
byte for byte.

Needs the extra: ``pip install "ghpkg-async[report]"``.
"""

from .render import render_report, write_report

__all__ = ["render_report", "write_report"]
