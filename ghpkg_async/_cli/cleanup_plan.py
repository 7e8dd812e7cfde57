"""`ghpkg cleanup plan`: decide which versions a policy deletes."""

import asyncio
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

import attrs
from cyclopts import Parameter

from .._files import AtomicFile
from ..cleanup import Decision, Plan, Policy
from ..cleanup import plan as make_plan
from ..cleanup._recheck import short_name
from ..cleanup._records import PLAN_CODEC, PackageKey
from ..cleanup._review import plan_line, plan_markdown
from .cleanup_options import (
    LONGEST_WAIT,
    ManifestCache,
    RegistryUrl,
    Unfinished,
    cache_file,
    check_plan_output,
    package_key,
)
from .cleanup_printing import pass_on, progress_bar, show_plan, write_line
from .failures import CommandExit, WrongUsage, translate_errors
from .options import DEFAULTS, Options
from .output import Output

__all__ = ["plan"]

FOUND: Final = 1


class FoundDeletions(CommandExit):
    """The plan deletes something, and `--fail-on deletions` was given."""

    status: ClassVar[int] = FOUND


def plan(
    policy: Annotated[Path, Parameter(name="POLICY", help="The policy, a TOML file.")],
    /,
    *owners: Annotated[
        str,
        Parameter(
            name="OWNER",
            help="An organization's name; user:NAME for a user; me for the token's user.",
        ),
    ],
    output: Annotated[Path, Parameter(help="The plan to write, PLAN.jsonl.")],
    explain: Annotated[
        str | None,
        Parameter(
            help="For each version of the package OWNER/TYPE/NAME, show why it is deleted or kept."
        ),
    ] = None,
    fail_on: Annotated[
        Literal["deletions"] | None,
        Parameter(help="deletions: exit with 1 if the plan deletes anything."),
    ] = None,
    registry_url: RegistryUrl = None,
    cache: ManifestCache = None,
    options: Options = DEFAULTS,
) -> None:
    """Plan deletions by a policy. Reads GitHub and the registry, and changes nothing.

    A package that cannot be read as a whole is left out, and the exit status is 3. The first plan
    downloads the manifests of tagged images, each of which counts as a download; they are cached.

    Example: ghpkg cleanup plan retention.toml acme --output plan.jsonl
    """
    if not owners:
        raise WrongUsage("OWNER: name at least one, like acme, user:octocat or me")
    key = None if explain is None else package_key("--explain", explain)
    with translate_errors("POLICY", whole=True):
        loaded = Policy.from_file(policy)
    check_plan_output(output)
    with translate_errors("--output"):
        AtomicFile(output).discard()  # Fails before hours of reading rather than after them.
    console = options.output()
    file = cache_file(cache, console)
    explained: list[Decision] = []
    made = asyncio.run(
        _plan(owners, loaded, _PlanArguments(key, registry_url, file), options, console, explained)
    )
    made.save(output)
    if console.json:
        for record in made.records():
            write_line(PLAN_CODEC.encode(record))
    else:
        show_plan(made, console)
        for decision in explained:
            _explain(decision, console)
    if key is not None and not explained:
        console.note(f"--explain: no rule applies to {explain}, or it is not there")
    command = shlex.join(("ghpkg", "cleanup", "apply", str(output)))
    console.note(f"Plan: {output}. To apply it: {command}")
    outputs = {
        "images": made.images,
        "deletes": len(made.deletions),
        "kept": made.kept,
        "held": len(made.held),
    }
    pass_on(plan_markdown(made), outputs, console)
    if not made.complete:
        raise Unfinished("A package could not be read and is left out: see above")
    if fail_on and made.deletions:
        raise FoundDeletions(f"Found what --fail-on names: {plan_line(made)}")


@attrs.frozen
class _PlanArguments:
    explain: PackageKey | None
    registry_url: str | None
    cache: Path | None


async def _plan(
    owners: Sequence[str],
    policy: Policy,
    arguments: _PlanArguments,
    options: Options,
    console: Output,
    explained: list[Decision],
) -> Plan:
    """Make a plan; add the decision to explain to ``explained``."""
    with progress_bar(console, None, "Reading packages") as advance:

        def report(decision: Decision) -> None:
            advance()
            if decision.package.key == arguments.explain:
                explained.append(decision)

        async with options.client(max_rate_limit_wait=LONGEST_WAIT) as client:
            return await make_plan(
                client,
                owners,
                policy,
                registry_url=arguments.registry_url,
                cache=arguments.cache,
                on_package=report,
            )


def _explain(decision: Decision, console: Output) -> None:
    console.line("")
    console.line(f"{'/'.join(decision.package.key)}, every version:")
    for status, name, tags, reason in decision.explain():
        label = f"{short_name(name)} ({', '.join(tags)})" if tags else short_name(name)
        console.line(f"  {status} {label}: {reason}")
