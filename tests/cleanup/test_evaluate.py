"""Evaluation of rules: selected, kept and held images and versions, with the reasons."""

from __future__ import annotations

import time
from datetime import timedelta
from itertools import permutations

import pytest

from ghpkg_async.cleanup._decide import decide_versions
from ghpkg_async.cleanup._evaluate import PatternUse
from ghpkg_async.cleanup._graph import ListedVersion
from ghpkg_async.cleanup._policy import Policy

from .rig import ALL, NOW, App, digest, helper_tag, npm, policy


def app_of(**ages: float) -> App:
    """Return images of the given ages in days, with the tag ``pr-<name>`` each."""
    app = App()
    for name, age in ages.items():
        app.add(name, f"pr-{name}", age=age)
    return app


def rule(lines: str, name: str = "pr") -> str:
    return f'name = "{name}"\ntags = ["pr-*"]\n{lines}\n'


def test_newest_are_kept_before_the_age_limit_applies() -> None:
    """Tools that apply the age limit first keep the newest of c, d and e, and delete nothing."""
    app = app_of(a=1, b=5, c=40, d=50, e=60)
    decision = app.decide(policy(rule('older-than = "30d"\nkeep-newest = 3')))
    assert [app.names[each.version] for each in decision.deletions] == ["d", "e"]
    reasons = {app.names[version.name]: reason for version, reason in decision.kept}
    assert reasons == dict.fromkeys("abc", "kept by rule 'pr': one of the newest 3")


@pytest.mark.parametrize(("number", "deleted"), [(0, "abc"), (2, "c"), (3, ""), (99, "")])
def test_keep_newest(number: int, deleted: str) -> None:
    app = app_of(a=1, b=2, c=3).add("main", "main")
    assert "".join(app.deleted(policy(rule(f"keep-newest = {number}")))) == deleted


def test_keep_newest_counts_images_and_neither_versions_nor_tags() -> None:
    app = App()
    for name, age in {"a": 1, "b": 2, "c": 3, "d": 4}.items():
        app.image(name, f"pr-{name}", f"pr-{name}-linux", age=age)
    deleted = app.deleted(policy(rule("keep-newest = 3")))
    assert len(deleted) == 5
    assert deleted[0] == "d"


def test_at_the_same_second_the_greater_id_is_newer() -> None:
    app = app_of(a=9, b=9, c=9)
    assert app.deleted(policy(rule("keep-newest = 1"))) == ["b", "a"]


def test_image_with_another_tag_is_held_under_that_tag() -> None:
    app = App().add("release", "v1.2.0", "main-abc").add("other", "main-def")
    rules = policy('name = "main"\ntags = ["main-*"]\nall = true')
    assert app.deleted(rules) == ["other"]
    assert app.held(rules) == {"release": "also tagged v1.2.0"}


def test_long_lists_of_tags_are_cut_and_hostile_ones_escaped() -> None:
    app = App().add("a", "pr-1", "v1", "v2\x1b[31m", "v3", "v4", "v5").add("main", "main")
    held = app.held(policy(rule("all = true")))
    assert held == {"a": "also tagged v1, v2\\x1b[31m, v3 and 2 more"}


def test_helper_tag_beside_a_matching_one_does_not_save_the_image() -> None:
    app = App().add("main", "main").add("a", "pr-1", helper_tag("absent", ".sig"))
    assert app.deleted(policy(rule("all = true"))) == ["a"]


RULES = {
    "selects": rule("all = true", "selects"),
    "keeps": rule("keep-newest = 2", "keeps"),
    "v": 'name = "v"\ntags = ["*"]\nolder-than = "500d"\nkeep-tags = ["pr-c"]',
}


@pytest.mark.parametrize("order", list(permutations(RULES)))
def test_keep_of_one_rule_is_stronger_than_another_rule_in_any_order(
    order: tuple[str, ...],
) -> None:
    app = app_of(a=1, b=2, c=3, d=4).add("main", "main")
    rules = policy("\n[[rule]]\n".join(RULES[name] for name in order))
    assert app.deleted(rules) == ["d"]
    assert app.held(rules) == {
        "a": "kept by rule 'keeps': one of the newest 2",
        "b": "kept by rule 'keeps': one of the newest 2",
        "c": "kept by rule 'v': a tag matches its keep-tags",
    }


def test_age_limit_of_one_rule_does_not_limit_another() -> None:
    app = app_of(a=10).add("main", "main")
    young, old = rule('older-than = "50d"', "young"), rule('older-than = "5d"', "old")
    assert app.deleted(policy(f"{young}\n[[rule]]\n{old}")) == ["a"]


def test_image_of_exactly_the_age_is_old_enough() -> None:
    app = app_of(a=14, b=13.999).add("main", "main")
    rules = policy(rule('older-than = "14d"'))
    assert app.deleted(rules) == ["a"]
    kept = {app.names[version.name]: reason for version, reason in app.decide(rules).kept}
    assert kept == {"b": "rule 'pr': younger than 14d", "main": "no rule selects it"}


@pytest.mark.parametrize("tag", ["latest", "stable", "1", "v1", "v1.2", "1.2.3"])
def test_tags_that_are_protected_by_default(tag: str) -> None:
    """The tag ``latest`` may have moved today to an image that is years old."""
    app = App().add("old", tag, age=700).add("other", "main", age=700)
    rules = Policy.from_toml(f"[[rule]]\n{ALL}")
    assert app.deleted(rules) == ["other"]
    assert app.held(rules) == {"old": f"tag {tag} is protected"}


@pytest.mark.parametrize("tag", ["v1.2.3-rc1", "1.2.3.4", "Latest", "latest-debug", "x1"])
def test_tags_that_are_not_protected_by_default(tag: str) -> None:
    app = App().add("old", tag).add("main", "main")
    assert "old" in app.deleted(Policy.from_toml(f"[[rule]]\n{ALL}"))


def test_one_protected_tag_protects_an_image() -> None:
    app = App().add("a", "pr-1", "pr-keep").add("main", "main")
    assert app.deleted(policy(rule("all = true"), 'protect-tags = ["pr-keep"]')) == []


def test_package_that_no_rule_names_keeps_everything() -> None:
    rules = policy(rule('all = true\npackages = ["*", "!app"]'))
    assert app_of(a=1, b=2).deleted(rules) == []


@pytest.mark.parametrize(
    ("created", "updated", "deleted"),
    [
        (timedelta(days=20), timedelta(days=20), True),
        (timedelta(days=20), timedelta(days=1), False),
        (timedelta(days=1), timedelta(days=20), False),
        (timedelta(days=-400), timedelta(days=20), False),
        (timedelta(days=20_000), timedelta(days=20_000), True),
    ],
    ids=["old", "changed since", "changed before its creation", "from the future", "1972"],
)
def test_age_is_that_of_the_later_time(
    created: timedelta, updated: timedelta, deleted: bool
) -> None:
    app = app_of(a=1).add("main", "main")
    tags = app.versions[0].tags
    app.versions[0] = ListedVersion(1, digest("a"), tags, NOW - created, NOW - updated)
    assert (app.deleted(policy(rule('older-than = "14d"'))) == ["a"]) is deleted


PRE = 'name = "pre"\ntypes = ["npm"]\nversions = ["*-*"]\n'


def test_versions_of_npm_go_by_name_and_age() -> None:
    names = ("1.0.0-rc.1", "1.0.0-rc.2", "1.0.0-rc.3", "1.0.0")
    rules = policy(PRE + 'older-than = "30d"\nkeep-newest = 1')
    result = npm(*names, ages=[90, 60, 50, 40], policy=rules)
    assert result == {"deleted": ["1.0.0-rc.1", "1.0.0-rc.2"], "held": {}}


def test_snapshots_of_maven_go_by_their_timestamps() -> None:
    names = ("1.0", "1.1-20260101.120000-1", "1.1-20260301.120000-2", "1.1-SNAPSHOT")
    rules = 'name = "old"\ntypes = ["maven"]\nversions = ["re:.*-\\\\d{8}\\\\.\\\\d{6}-\\\\d+"]\n'
    versions = [ListedVersion(i, name, (), NOW, NOW) for i, name in enumerate(names)]
    decision = decide_versions(
        versions, ("acme", "maven", "lib"), policy(rules + "keep-newest = 1"), NOW
    )
    assert [each.version for each in decision.deletions] == ["1.1-20260101.120000-1"]


def test_last_version_of_npm_stays() -> None:
    result = npm("1.0.0-a", "1.0.0-b", policy=policy(PRE))
    assert result["deleted"] == ["1.0.0-a"]
    assert result["held"] == {"1.0.0-b": "the last version of the package"}
    assert npm(policy=policy(PRE)) == {"deleted": [], "held": {}}


def test_young_version_of_npm_is_held() -> None:
    result = npm("1.0.0-a", "1.0.0", ages=[0.5, 9], policy=policy(PRE, 'min-age = "1d"'))
    assert result == {"deleted": [], "held": {"1.0.0-a": "younger than min-age 1d"}}


def test_protected_tags_do_not_protect_versions_by_name() -> None:
    rules = Policy.from_toml('[[rule]]\nname = "x"\ntypes = ["npm"]\nversions = ["1.*"]')
    assert npm("1.0", "1.1", "2.0", policy=rules)["deleted"] == ["1.0", "1.1"]


def unused(rules: str, guard: str, *apps: App, name: str = "app") -> list[str]:
    use = PatternUse(policy(rules, guard))
    for app in apps:
        use.add(name, app.versions)
    return use.problems()


def test_keep_or_protect_pattern_that_matches_nothing_is_a_problem() -> None:
    keep = 'name = "x"\ntags = ["*"]\nkeep-tags = ["relase-*", "pr-a", "!pr-x"]'
    protect = 'protect-tags = ["stabel", "re:pr-[b-c]", "latest", "!y"]'
    assert unused(keep, protect, app_of(a=1), app_of(b=1)) == [
        "protect-tags: 'stabel' matches no tag",
        "keep-tags of rule 'x': 'relase-*' matches no tag",
    ]


def test_pattern_of_a_rule_must_match_in_the_packages_of_the_rule() -> None:
    keep = 'name = "x"\npackages = ["other"]\ntags = ["*"]\nkeep-tags = ["pr-a"]'
    assert unused(keep, "", app_of(a=1)) == ["keep-tags of rule 'x': 'pr-a' matches no tag"]
    assert unused(keep, "", app_of(a=1), name="other") == []


def test_without_packages_no_pattern_is_a_problem() -> None:
    assert unused(ALL, 'protect-tags = ["stabel"]') == []


def test_helper_tags_do_not_count_for_patterns() -> None:
    app = App().add("a", helper_tag("b", ".sig"))
    assert unused(ALL, 'protect-tags = ["sha256-*"]', app) != []


def test_hostile_tags_and_patterns_take_little_time() -> None:
    app = App()
    for number in range(2_000):
        app.add(f"i{number}", "a" * 120 + str(number))
    rules = policy('name = "x"\ntags = ["*a*a*a*a*a*a*b", "re:a*b"]\nall = true')
    start = time.process_time()
    assert app.deleted(rules) == []
    assert time.process_time() - start < 5
