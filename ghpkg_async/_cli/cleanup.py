"""`ghpkg cleanup`: plan, review, apply and undo deletions of old versions."""

from typing import Final

from cyclopts import App

from .cleanup_apply import apply
from .cleanup_plan import plan
from .cleanup_review import review
from .cleanup_undo import undo

__all__ = ["cleanup"]

cleanup: Final = App(
    name="cleanup",
    help="Delete old versions by a policy: plan, review, apply, and undo for 30 days.",
    version_flags=[],
    help_format="markdown",
)

for _command in (plan, review, apply, undo):
    cleanup.command(_command, version_flags=[])
