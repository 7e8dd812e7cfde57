"""An audit as one HTML file for people: it opens offline, and needs nothing beside it.

    report = await gh.audit(["acme"], versions=True)
    write_report(report, Path("audit.html"), findings=report.findings(["public", "stale:365"]))

Figures, charts, findings, changes, what could not be obtained, and a table of every package that
sorts and filters. All that came from a server is text in it, whatever it holds: it is escaped, a
link is one only where it leads to a website, and the file's own Content-Security-Policy runs no
script but the file's own. The same audit makes the same file, byte for byte.

Needs the extra: ``pip install "ghpkg-async[report]"``.
"""

from .render import render_report, write_report

__all__ = ["render_report", "write_report"]
