"""Plan files: equal plans have equal bytes, and only whole groups may be removed by hand."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from ghpkg_async import ConfigurationError
from ghpkg_async.cleanup._plan_file import Plan
from ghpkg_async.cleanup._policy_values import MaxDeletes
from ghpkg_async.cleanup._records import PlanHeader

from .rig import NOW, App, digest, policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RULES = 'name = "pr"\ntags = ["pr-*"]\nkeep-newest = 1'


def make_plan(app: App | None = None) -> Plan:
    """Return the plan for one package, with images to delete and a held one."""
    the_policy = policy(RULES, 'protect-tags = ["stable"]')
    if app is None:
        app = App().image("one", "pr-1").image("two", "pr-2").add("three", "pr-3", "v1")
        app = app.image("four", "pr-4")
    decision = app.decide(the_policy)
    header = PlanHeader(
        created_at=NOW,
        expires_at=NOW + timedelta(days=1),
        base_url="https://api.github.com",
        registry_url="https://ghcr.io",
        owners=("acme",),
        policy=the_policy.to_dict(),
        policy_sha256=the_policy.sha256,
    )
    return Plan(
        header=header,
        packages=(decision.package,),
        deletions=decision.deletions,
        held=decision.held,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "plan.jsonl"
    make_plan().save(path)
    return path


def test_saved_plan_is_loaded_as_it_was(path: Path) -> None:
    assert Plan.load(path) == make_plan()
    assert Plan.load(path).sha256 == make_plan().sha256


def test_same_plan_is_the_same_file(path: Path, tmp_path: Path) -> None:
    Plan.load(path).save(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()


def test_file_has_the_documented_records_and_fields(path: Path) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["record"] for line in lines] == [
        "plan", "package", *["delete"] * 10, "held", "end",
    ]  # fmt: skip
    fields = {line["record"]: set(line) for line in lines}
    assert fields["plan"] >= {
        "format", "created_at", "expires_at", "base_url", "registry_url", "policy", "policy_sha256",
    }  # fmt: skip
    assert fields["package"] >= {
        "owner", "package_type", "name", "versions", "tagged", "images", "kept", "deletes", "held",
        "complete",
    }  # fmt: skip
    versions = {
        "record", "owner", "package_type", "name", "id", "version", "tags", "created_at",
        "updated_at", "group", "role", "rule", "reason",
    }  # fmt: skip
    assert fields["delete"] == fields["held"] == versions
    assert lines[2]["created_at"] == "2026-07-24T00:00:00Z"
    assert lines[1] | {"record": "package", "versions": 16, "images": 4, "kept": 2} == lines[1]


def test_no_value_is_null_and_no_field_has_two_types(path: Path) -> None:
    types: dict[tuple[str, str], set[type]] = {}
    for line in path.read_text().splitlines():
        fields: dict[str, Any] = json.loads(line)
        for key, value in fields.items():
            types.setdefault((fields["record"], key), set()).add(type(value))
    assert type(None) not in set().union(*types.values())
    assert all(len(each) == 1 for each in types.values())


def test_groups_hold_their_versions_with_the_image_first() -> None:
    groups = make_plan().groups
    assert [group.name for group in groups] == [digest("two"), digest("one")]
    assert [group.deletions[0].version for group in groups] == [digest("two"), digest("one")]
    assert [len(group.deletions) for group in groups] == [5, 5]


def test_sums_of_a_plan() -> None:
    plan = make_plan()
    assert (plan.images, plan.kept, len(plan.deletions), len(plan.held)) == (2, 2, 10, 1)
    assert (plan.points, plan.duration, plan.complete) == (50, timedelta(seconds=10), True)


def without_lines(path: Path, unwanted: Callable[[dict[str, Any]], bool]) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not unwanted(json.loads(line))))


def test_whole_group_may_be_removed_by_hand(path: Path) -> None:
    without_lines(path, lambda line: line.get("group") == digest("one"))
    plan = Plan.load(path)
    assert [group.name for group in plan.groups] == [digest("two")]
    assert (plan.packages[0].kept, plan.packages[0].deletes) == (3, 5)


def test_group_removed_by_hand_and_by_command_give_the_same_plan(path: Path) -> None:
    by_command = Plan.load(path).without(digest("one")[:12])
    without_lines(path, lambda line: line.get("group") == digest("one"))
    assert Plan.load(path) == by_command
    assert Plan.load(path).sha256 == by_command.sha256 != make_plan().sha256
    by_command.save(path)
    assert Plan.load(path) == by_command


def test_every_group_may_be_removed(path: Path) -> None:
    without_lines(path, lambda line: line["record"] == "delete")
    assert Plan.load(path).groups == ()


@pytest.mark.parametrize("name", ["", "sha256:", "sha256:0000"])
def test_group_to_remove_must_be_one(name: str) -> None:
    with pytest.raises(ConfigurationError, match="group"):
        make_plan().without(name)


def edit(line: int, old: str, new: str) -> Callable[[list[str]], None]:
    def apply(lines: list[str]) -> None:
        assert old in lines[line]
        lines[line] = lines[line].replace(old, new)

    return apply


def copy(line: int, to: int) -> Callable[[list[str]], None]:
    return lambda lines: lines.insert(to, lines[line])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (edit(0, "api.github.com", "api.example.com"), "a line was changed"),
        (edit(1, '"kept":2', '"kept":3'), "a line was changed"),
        (edit(2, '"id":10', '"id":11'), "was edited; only whole groups"),
        (edit(3, '"role":"child"', '"role":"root"'), "was edited; only whole groups"),
        (edit(12, '"also tagged v1"', '"nothing"'), "a line was changed"),
        (edit(13, '"deletes":10', '"deletes":9'), "a line was changed"),
        (edit(13, '"sha256":"', '"sha256":"0'), "a line was changed"),
        (lambda lines: lines.pop(3), "was edited; only whole groups"),
        (lambda lines: lines.pop(2), "was edited; only whole groups"),
        (lambda lines: lines.pop(1), "a line was changed"),
        (lambda lines: lines.pop(12), "a line was changed"),
        (lambda lines: lines.pop(), "not a whole plan"),
        (lambda lines: lines.pop(0), "not a plan: its first line"),
        (copy(2, 2), "was edited; only whole groups"),
        (copy(1, 1), "a line was changed"),
        (copy(13, 3), "a line was changed"),
        (lambda lines: lines.__setitem__(slice(2, 12), lines[7:12] + lines[2:7]), "was edited"),
        (lambda lines: lines.__setitem__(slice(2, 12), lines[2:7] * 2), "was edited"),
        (lambda lines: lines.insert(2, "\n"), "line 3: not of a plan"),
        (lambda lines: lines.insert(2, '{"record":"intent"}\n'), "line 3: not of a plan"),
        (lambda lines: lines.insert(2, '{"record":[]}\n'), "line 3: not of a plan"),
        (edit(0, '"format":1', '"format":2'), "format 2 is not 1"),
        (lambda lines: lines.clear(), "not a plan"),
    ],
)
def test_edited_plan_is_refused(
    path: Path, change: Callable[[list[str]], None], problem: str
) -> None:
    lines = path.read_text().splitlines(keepends=True)
    change(lines)
    path.write_text("".join(lines))
    with pytest.raises(ConfigurationError, match=problem) as caught:
        Plan.load(path)
    assert str(path) in str(caught.value)


def test_absent_plan_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.jsonl: cannot be read"):
        Plan.load(tmp_path / "absent.jsonl")


def test_plan_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        make_plan().save(tmp_path / "nowhere" / "plan.jsonl")


def many(count: int) -> Plan:
    app = App()
    for number in range(count):
        app.add(f"i{number}", f"pr-{number}")
    return make_plan(app)


def test_share_of_a_package_limits_deletions_from_ten_images_on() -> None:
    assert many(9).over_limit(MaxDeletes(percent=50)) is None
    assert many(10).over_limit(MaxDeletes(percent=90)) is None
    assert many(10).over_limit(MaxDeletes(percent=89)) == (
        "acme/container/app: 9 of 10 images, over max-deletes 89%"
    )


def test_number_limits_deletions_of_all_packages() -> None:
    assert many(5).over_limit(MaxDeletes(versions=4)) is None
    assert many(5).over_limit(MaxDeletes(versions=3)) == "4 versions, over max-deletes 3"
    assert many(5).over_limit(MaxDeletes()) is None


def test_plan_over_the_limit_of_its_policy_is_marked(tmp_path: Path) -> None:
    many(20).save(tmp_path / "plan.jsonl")
    end = json.loads((tmp_path / "plan.jsonl").read_text().splitlines()[-1])
    assert end["over_limit"] == "acme/container/app: 19 of 20 images, over max-deletes 50%"


def test_plan_of_incomplete_packages_says_so() -> None:
    plan = make_plan()
    package = attrs.evolve(plan.packages[0], complete=False, reason="503")
    assert not attrs.evolve(plan, packages=(package,)).complete
