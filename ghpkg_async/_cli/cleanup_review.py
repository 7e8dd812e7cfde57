"""`ghpkg cleanup review`: show a plan, and leave groups out of it."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .._files import AtomicFile
from ..cleanup import Plan
from ..cleanup._records import PLAN_CODEC
from ..cleanup._review import plan_markdown, render_plan
from .audit_files import is_markdown
from .cleanup_options import (
    SWITCH,
    PlanFile,
    check_plan_output,
    load_plan,
)
from .cleanup_printing import show_plan, write_line
from .failures import WrongUsage, translate_errors
from .output import Output

__all__ = ["review"]


def review(
    plan: PlanFile,
    /,
    *,
    report: Annotated[
        Path | None, Parameter(help="Write the plan for people: FILE.html or FILE.md.")
    ] = None,
    drop: Annotated[
        list[str],
        Parameter(
            help="Leave this group out, by its name or the beginning of it; repeatable. "
            "Needs --output.",
            negative=(),
            show_default=False,
        ),
    ] = [],  # noqa: B006  (never mutated; cyclopts reads the default)
    output: Annotated[
        Path | None, Parameter(help="Write the plan without the dropped groups.")
    ] = None,
    json: Annotated[bool, Parameter(help="Print the plan as JSON Lines.", **SWITCH)] = False,
) -> None:
    """Show a plan by package and group. Sends nothing.

    Example: ghpkg cleanup review plan.jsonl --report plan.html
    """
    if bool(drop) != (output is not None):
        raise WrongUsage("--drop and --output: give both, or neither")
    reviewed = load_plan(plan)
    for group in drop:
        with translate_errors("--drop", whole=True):
            reviewed = reviewed.without(group)
    if output is not None:
        check_plan_output(output)
        with translate_errors("--output"):
            reviewed.save(output)
    if report is not None:
        _write_report(report, reviewed)
    console = Output(json=json)
    if json:
        for record in reviewed.records():
            write_line(PLAN_CODEC.encode(record))
    else:
        show_plan(reviewed, console)


def _write_report(path: Path, plan: Plan) -> None:
    if path.suffix.lower() not in (".html", ".htm", ".md"):
        raise WrongUsage(f"--report: {path}: its name has to end in .html or .md")
    try:
        text = plan_markdown(plan) if is_markdown(path) else render_plan(plan)
    except ImportError:
        raise WrongUsage('--report: needs an extra: pip install "ghpkg-async[report]"') from None
    with translate_errors("--report"):
        file = AtomicFile(path)
    with file.discard_on_error():
        file.file.write(text.encode())
    file.commit()
