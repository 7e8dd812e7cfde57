"""Policies: the example of the documentation, and the error message for each mistake."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ghpkg_async import ConfigurationError
from ghpkg_async.cleanup._policy import Guard, Policy, Rule
from ghpkg_async.cleanup._policy_values import MaxDeletes, duration_text
from ghpkg_async.cleanup._policy_values import parse_duration as parse

from .rig import App, digest

EXAMPLE = r"""
[guard]
min-age = "1d"
max-deletes = ["50%", 1000]
protect-tags = ["latest", "stable", 're:v?\d+(\.\d+){0,2}']
protect-digests = []

[[rule]]
name = "pull requests"
types = ["container"]
packages = ["*", "!charts/*"]
tags = ["pr-*"]
older-than = "14d"
keep-newest = 3

[[rule]]
name = "untagged"
untagged = true
older-than = "7d"

[[rule]]
name = "npm prereleases"
types = ["npm"]
versions = ["*-*"]
keep-newest = 10
"""


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Policy.from_toml(text, source="retention.toml")
    return str(caught.value)


def test_toml_and_classes_say_the_same() -> None:
    assert Policy.from_toml(EXAMPLE) == Policy(
        rules=(
            Rule(
                name="pull requests",
                packages=["*", "!charts/*"],
                tags=["pr-*"],
                older_than=timedelta(days=14),
                keep_newest=3,
            ),
            Rule(name="untagged", untagged=True, older_than="7d"),
            Rule(name="npm prereleases", types=["npm"], versions=["*-*"], keep_newest=10),
        )
    )


def test_guards_of_the_example_are_the_defaults() -> None:
    assert Policy.from_toml(EXAMPLE).guard == Guard()


def test_policy_of_the_readme_decides_as_it_says() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    policy = Policy.from_toml(readme.partition("```toml")[2].partition("```")[0])
    assert policy.guard == Guard()
    app = App()
    for name, age in {"a": 1, "b": 5, "c": 40, "d": 50, "e": 60}.items():
        app.add(name, f"pr-{name}", age=age)
    assert app.deleted(policy) == ["d", "e"]


@pytest.mark.parametrize(
    ("packages", "names"),
    [
        (["app", "team/tool"], {"app", "team/tool"}),
        (["app", "tool", "!t*"], {"app"}),
        (["app", "team/*"], None),
        (["re:app"], None),
    ],
)
def test_packages_without_wildcards_are_known_by_name(
    packages: list[str], names: set[str] | None
) -> None:
    rules = [Rule(name="x", packages=packages, untagged=True)]
    assert Policy(rules=rules).package_names("container") == names
    assert Policy(rules=rules).package_names("npm") == frozenset()
    rules.append(Rule(name="y", packages=["more"], untagged=True))
    both = Policy(rules=rules).package_names("container")
    assert both == (None if names is None else names | {"more"})


def test_mapping_restores_the_policy() -> None:
    policy = Policy.from_toml(EXAMPLE)
    assert Policy.from_dict(policy.to_dict()) == policy
    assert Policy.from_dict(policy.to_dict()).sha256 == policy.sha256
    assert Policy.from_toml(EXAMPLE.replace('"7d"', '"8d"')).sha256 != policy.sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "retention.toml: the policy has no [[rule]]"),
        ("[guard]\nmin-age = '2d'", "retention.toml: the policy has no [[rule]]"),
        ("rule = [", "retention.toml: not TOML: "),
        ("rule = 1", "line 1: rule: not [[rule]] tables"),
        ("rule = [1]", "rule: not [[rule]] tables"),
        ("guard = 1", "line 1: guard: not a table"),
        ("[[rule]]\nuntagged = true", "line 1: name: missing"),
    ],
)
def test_policy_without_a_whole_rule_is_refused(text: str, message: str) -> None:
    assert message in refusal(text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("older_than = '1d'", "older_than: unknown key; did you mean older-than?"),
        ("keep-newst = 3", "keep-newst: unknown key; did you mean keep-newest?"),
        ("tag = ['a']", "tag: unknown key; did you mean tags?"),
        ("xyzzy = 1", "xyzzy: unknown key; known: name, types, packages"),
        ("older-than = '1x'", "older-than: '1x' is not a duration like 12h, 14d"),
        ("older-than = ''", "older-than: '' is not a text"),
        ("older-than = 14", "older-than: 14 is not a text"),
        ("keep-newest = -1", "keep-newest: -1 is not a whole number of at least 0"),
        ("keep-newest = true", "keep-newest: True is not a whole number"),
        ("packages = '*'", "packages: '*' is not a list of strings; write ['*']"),
        ("packages = [1]", "packages: [1] is not a list of strings"),
        ("packages = ['!charts/*']", "has exclusions only; add '*' to match the rest"),
        ("packages = ['']", "packages: a pattern is empty"),
        ("packages = ['re:']", "packages: a pattern is empty"),
        ("packages = ['re:(']", "packages: 're:(' is not a regular expression"),
        ("types = ['docker']", "types: 'docker' packages are not supported"),
        ("types = ['contaner']", "types: 'contaner' is not one of npm, "),
        ("types = ['contaner']", "; did you mean container?"),
        ("types = []", "types: the list is empty"),
        ("types = ['npm']", "tags: does not apply to npm packages"),
        ("types = ['container', 'npm']", "tags: does not apply to npm packages"),
        ("untagged = 1", "untagged: 1 is neither true nor false"),
        ("untagged = true", "rule 'x' has tags and untagged; give it one of"),
        ("keep-tags = []", "keep-tags: the list is empty"),
    ],
)
def test_mistake_in_a_rule_names_the_key_and_its_line(line: str, message: str) -> None:
    text = f"[guard]\n\n[[rule]]\nname = 'y'\nuntagged = true\n\n[[rule]]\nname = 'x'\n{line}\n"
    text += "" if line.startswith("tags") else "tags = ['pr-*']\nall = true"
    refused = refusal(text)
    assert message in refused
    assert refused.startswith(
        ("retention.toml: line 9: ", "retention.toml: line 10: ", "retention.toml: line 7: ")
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("min_age = '1d'", "min_age: unknown key; did you mean min-age?"),
        ("max-deletes = '101%'", "max-deletes: '101%' is not one number, one percentage"),
        ("max-deletes = [1, 2]", "max-deletes: [1, 2] is not one number"),
        ("max-deletes = []", "max-deletes: [] is not one number"),
        ("max-deletes = 0.5", "max-deletes: 0.5 is neither a number nor a percentage"),
        ("max-deletes = -1", "max-deletes: -1 is neither a number nor a percentage"),
        ("protect-digests = ['sha256:1']", "protect-digests: 'sha256:1' is not sha256: and 64"),
        ("protect-digests = ['@absent.txt']", "absent.txt cannot be read"),
        ("protect-tags = 'latest'", "protect-tags: 'latest' is not a list of strings"),
    ],
)
def test_mistake_in_the_guards_names_the_key_and_its_line(line: str, message: str) -> None:
    refused = refusal(f"[guard]\n{line}\n[[rule]]\nname = 'x'\nuntagged = true")
    assert refused.startswith("retention.toml: line 2: ")
    assert message in refused


def test_every_table_with_a_mistake_is_in_the_error() -> None:
    message = refusal("[guard]\nmin-agee = 1\n[[rule]]\nname = 'x'\nuntaged = true")
    assert sorted(message.splitlines()) == [
        "retention.toml: line 2: min-agee: unknown key; did you mean min-age?",
        "retention.toml: line 5: untaged: unknown key; did you mean untagged?",
    ]


def test_rule_of_keeps_only_is_refused() -> None:
    message = refusal("[[rule]]\nname = 'x'\nkeep-newest = 3")
    assert (
        "'x' selects nothing; give it one of tags, untagged = true, orphaned = true and versions"
        in message
    )


def test_rule_that_would_delete_every_match_must_say_so() -> None:
    assert "add older-than, keep-newest or keep-tags, or all = true" in refusal(
        "[[rule]]\nname = 'x'\ntags = ['pr-*']"
    )
    for limit in ("older-than = '1d'", "keep-newest = 0", "keep-tags = ['v*']", "all = true"):
        Policy.from_toml(f"[[rule]]\nname = 'x'\ntags = ['pr-*']\n{limit}")


def test_versions_are_not_for_containers() -> None:
    assert "versions: does not apply to container packages" in refusal(
        "[[rule]]\nname = 'x'\nversions = ['*']"
    )


def test_keep_tags_needs_a_rule_of_tags() -> None:
    assert "keep-tags: rule 'x' selects no tagged image" in refusal(
        "[[rule]]\nname = 'x'\nuntagged = true\nkeep-tags = ['v*']"
    )


def test_names_of_rules_are_unique() -> None:
    rule = "[[rule]]\nname = 'x'\nuntagged = true\n"
    assert "name: 2 rules are called 'x'" in refusal(rule * 2)


@pytest.mark.parametrize(
    "expression",
    ["(a+)+", "(a|aa)+b", "(x*y?)*", "(a{0,100}){0,100}", ".*.*.*.*.*.*.*x", "(?:a+)*", "a|" * 999],
)
def test_expression_that_may_take_very_long_is_refused(expression: str) -> None:
    with pytest.raises(ConfigurationError, match=r"tags: .*(may take very long|is longer than)"):
        Rule(name="x", tags=[f"re:{expression}"], all=True)


@pytest.mark.parametrize(
    "expression",
    [
        r"v?\d+(\.\d+){0,2}",
        r"\d+\.\d+\.\d+(-[\w.]+)?(\+[\w.]+)?",
        r"(pr|ci)-\d+",
        r"[(+*]+\)+",
        r"(?P<name>ab)+",
        r"(?i:x)\(a+\)+",
    ],
)
def test_ordinary_expression_is_accepted(expression: str) -> None:
    Rule(name="x", tags=[f"re:{expression}"], all=True)


def test_ten_thousand_patterns_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="10,000 patterns are more than 1,000"):
        Rule(name="x", tags=[f"pr-{n}" for n in range(10_000)], all=True)


@pytest.mark.parametrize(
    ("patterns", "matching", "others"),
    [
        (["pr-9"], ["pr-9"], ["pr-91", "xpr-9", "PR-9"]),
        (["re:pr-9"], ["pr-9"], ["pr-91", "xpr-9"]),
        (["pr-*"], ["pr-", "pr-1/2"], ["apr-1", "Pr-1"]),
        (["pr-?"], ["pr-1"], ["pr-", "pr-10"]),
        (["[ab]*"], ["a", "bc"], ["c", "[ab]"]),
        (["v1.2"], ["v1.2"], ["v1x2"]),
        (["a+b"], ["a+b"], ["aab"]),
        (["*", "!charts/*"], ["app", "team/app"], ["charts/app", "charts/a/b"]),
        (["*", "!re:v.*"], ["main"], ["v1"]),
        (["re:a|b"], ["a", "b"], ["ab"]),
    ],
)
def test_patterns_match_whole_texts(
    patterns: list[str], matching: list[str], others: list[str]
) -> None:
    rule = Rule(name="x", packages=patterns, untagged=True)
    assert [text for text in matching + others if rule.packages.match(text)] == matching


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("20h", timedelta(hours=20)),
        ("14d", timedelta(days=14)),
        ("2w 3d", timedelta(days=17)),
        ("1d12h", timedelta(hours=36)),
        ("0s", timedelta()),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    assert parse(text) == expected
    assert parse(duration_text(expected)) == expected


@pytest.mark.parametrize("text", ["", "1", "d", "1 d", "-1d", "1.5d", "1d ", "1D", "\uff11d", "1y"])
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1000, MaxDeletes(None, 1000)),
        ("1000", MaxDeletes(None, 1000)),
        ("50%", MaxDeletes(50, None)),
        ([1000, "0%"], MaxDeletes(0, 1000)),
        (0, MaxDeletes(None, 0)),
    ],
)
def test_limits_of_deletions(value: int | str, expected: MaxDeletes) -> None:
    assert MaxDeletes.parse(value) == expected
    assert MaxDeletes.parse(expected.to_value()) == expected


def test_digests_are_read_from_a_file_beside_the_policy(tmp_path: Path) -> None:
    (tmp_path / "in-use.txt").write_text(
        f"# pods\n{digest('a')}\n\nghcr.io/acme/app:v1@{digest('b')}  # production\n"
    )
    path = tmp_path / "retention.toml"
    path.write_text(
        "[guard]\nprotect-digests = '@in-use.txt'\n[[rule]]\nname = 'x'\nuntagged = true"
    )
    policy = Policy.from_file(path)
    assert policy.guard.protect_digests == tuple(sorted((digest("a"), digest("b"))))
    (tmp_path / "in-use.txt").unlink()
    assert Policy.from_dict(policy.to_dict()) == policy


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.toml: cannot be read"):
        Policy.from_file(tmp_path / "absent.toml")
