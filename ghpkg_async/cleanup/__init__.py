"""Delete old package versions by a policy: plan, review, apply, undo.

policy = Policy.from_file("retention.toml")
async with GitHubPackages() as gh:
    the_plan = await plan(gh, ["acme", "me"], policy)
    the_plan.save("plan.jsonl")
    await apply(gh, the_plan, journal="plan.journal.jsonl")
    await undo(gh, "plan.journal.jsonl")
"""

from ._apply import apply
from ._apply_result import ApplyResult, BrokenImage
from ._decide import Decision
from ._plan_file import Plan
from ._planning import plan
from ._policy import Guard, Policy, Rule
from ._policy_values import MaxDeletes
from ._records import Deletion, Group, Held, PackagePlan, PlanHeader
from ._undo import UndoResult, undo

__all__ = [
    "ApplyResult",
    "BrokenImage",
    "Decision",
    "Deletion",
    "Group",
    "Guard",
    "Held",
    "MaxDeletes",
    "PackagePlan",
    "Plan",
    "PlanHeader",
    "Policy",
    "Rule",
    "UndoResult",
    "apply",
    "plan",
    "undo",
]
