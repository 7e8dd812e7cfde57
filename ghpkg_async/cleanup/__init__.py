"""Delete old package versions by a policy: plan, review, apply, undo."""

from ._apply import ApplyResult, BrokenImage, apply
from ._undo import UndoResult, undo

__all__ = ["ApplyResult", "BrokenImage", "UndoResult", "apply", "undo"]
