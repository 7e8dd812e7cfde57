"""Delete old package versions by a policy: plan, review, apply, undo."""

from ._apply import ApplyResult, BrokenImage, apply

__all__ = ["ApplyResult", "BrokenImage", "apply"]
