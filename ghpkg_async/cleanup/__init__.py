"""Delete old package versions by a policy: plan, review, apply, undo."""
