"""Report page: its content, and no text of a server becomes markup."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghpkg_async.audit import AuditReport, Finding
from ghpkg_async.audit._report import render_report
from ghpkg_async.audit._report.page import MOST_LISTED
from tests.report.rig import HOSTILE, RULES, Parsed, audit, ends, large
from tests.support.examples import examples
from tests.support.records import NOW, conflict, failure, header, package

if TYPE_CHECKING:
    from ghpkg_async.audit import Comparison


def everything(text: str, url: str = "") -> AuditReport:
    """Return an audit with `text` in every field that a server or user controls."""
    fields: dict[str, Any] = {"owner": text, "visibility": text, "repository": text}
    return AuditReport.of(
        header(
            text, package_types=(text, "docker"), with_versions=True, base_url=f"https://{text}"
        ),
        [
            package(text, package_type=text, html_url=url, **fields),
            conflict(text, html_url=url, **fields),
            failure(
                owner=text,
                listing="packages",
                package_type=text,
                name=text,
                reason=text,
                message=text,
                authorization_url=url,
                organizations=(text,),
            ),
            failure(owner=text, required=(text,), granted=(text,), message=text),
        ],
    )


def changes(text: str) -> Comparison:
    """Return changes of all kinds, with `text` as name of the packages."""
    old = audit(
        package("seen", visibility="public", version_count=7), package(text), package("big")
    )
    new = audit(
        package("seen", visibility=text), package(text + text), package("big", version_count=9)
    )
    return new.compare(old)


def rendered(text: str, url: str = "") -> str:
    """Return a page with `text` in every field that is shown."""
    report = everything(text, url)
    return render_report(
        report,
        comparison=changes(text),
        findings=[
            Finding("public", text, text, text, text),
            Finding(text, text, None, None, text),
            *report.findings(["unreachable", "docker_conflict"]),
        ],
        since=NOW,
    )


@cache
def plain() -> Parsed:
    return Parsed.of(rendered("plain"))


@examples(40)
@given(st.text(st.characters(), min_size=1, max_size=40) | st.sampled_from(HOSTILE))
def test_no_text_becomes_anything_but_text(text: str) -> None:
    assert Parsed.of(rendered(text)).shape == plain().shape


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_of_a_server_adds_a_script(text: str) -> None:
    scripts = Parsed.of(rendered(text)).text_of("script")
    assert len(scripts) == 2
    assert scripts[-1] == plain().text_of("script")[-1]
    assert not set(scripts[0]) & set("<>&\u2028\u2029")


@examples(40)
@given(
    st.text(max_size=40)
    | st.sampled_from(["javascript:alert(1)", "data:text/html,x", "https://github.com/<b>"])
    | st.text("abc/?%23", max_size=20).map("https://github.com/".__add__)
)
def test_links_lead_to_websites(url: str) -> None:
    parsed = Parsed.of(rendered("x", url))
    for link in parsed.links:
        assert link["href"] == url
        assert link["rel"] == "noopener noreferrer"
    for folder in parsed.data["folders"]:
        assert url.startswith(folder)
    if not re.match(r"https?://", url):
        assert not parsed.links
        assert not parsed.data["folders"]
    for _, attributes in parsed.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert "src" not in attributes


def test_websites_are_linked_to() -> None:
    parsed = Parsed.of(rendered("x", "https://github.com/x"))
    assert len(parsed.links) == 3  # The package, the conflict, and the authorization of the token.
    assert parsed.data["folders"] == ["https://github.com/"]


def test_the_security_policy_allows_only_content_of_the_page() -> None:
    parsed = Parsed.of(render_report(large(10)))
    policy = next(
        attributes["content"] or ""
        for tag, attributes in parsed.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    (style,) = parsed.text_of("style")
    assert dict(each.split(" ", 1) for each in policy.split("; ")) == {
        "default-src": "'none'",
        "script-src": hash_of(parsed.text_of("script")[-1]),
        "style-src": hash_of(style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    # The policy applies only to elements after it.
    assert [tag for tag, _ in parsed.tags[:4]] == ["html", "head", "meta", "meta"]


def hash_of(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def test_nothing_is_loaded_from_anywhere() -> None:
    parsed = Parsed.of(rendered("x", "https://github.com/x"))
    assert {tag for tag, _ in parsed.tags}.isdisjoint({"img", "iframe", "object", "embed", "base"})
    assert [attributes["href"] for tag, attributes in parsed.tags if tag == "link"] == ["data:,"]
    (style,) = parsed.text_of("style")
    assert "url(" not in style
    assert "@import" not in style


def test_the_same_audit_makes_the_same_page() -> None:
    findings = [large(300).findings(RULES, now=NOW) for _ in range(2)]
    first, second = (render_report(large(300), findings=each) for each in findings)
    assert first == second


def test_the_script_has_the_data_of_the_rows() -> None:
    report = large(250)
    findings = report.findings(RULES, now=NOW)
    data = Parsed.of(render_report(report, findings=findings)).data
    found = Counter((each.owner, each.package_type, each.name) for each in findings)
    for row, entry in zip(data["rows"], report.packages, strict=True):
        name, owner, kind, visibility, versions, untagged, day, note, folder, page, rules = row
        assert (name, data["owners"][owner]) == (entry.name, entry.owner)
        assert data["types"][kind] == entry.package_type
        assert data["visibilities"][visibility] == entry.visibility
        assert versions == entry.version_count
        assert entry.versions is not None
        assert untagged == entry.versions.untagged
        assert data["days"][day] == entry.updated_at.date().isoformat()
        named = None if note is None else data["notes"][note]
        assert named == entry.repository
        assert data["folders"][folder] + page == entry.html_url
        assert len(rules) == found[entry.owner, entry.package_type, entry.name]


def test_without_the_script_the_first_packages_are_there() -> None:
    page = render_report(large(250))
    assert page.count('<tr role="row">') == 1 + 100 + 1  # Headings, rows, script's template row.
    assert "The first 100 of 250 packages; with JavaScript, all of them." in page


def test_a_complete_audit_says_so() -> None:
    page = render_report(audit(package()))
    assert "Every requested listing was obtained." in page
    assert "Incomplete" not in page
    assert 'id="lost"' not in page


def test_failures_show_with_advice() -> None:
    page = render_report(
        audit(
            failure(
                "lost",
                reason="sso_required",
                message="403 SAML",
                authorization_url="https://github.com/orgs/lost/sso?authorization_request=A1",
            ),
            failure(
                owner="acme",
                listing="packages",
                package_type="npm",
                reason="insufficient_scope",
                required=("read:packages",),
                granted=("repo",),
            ),
            failure(owner="acme", reason="rate_limited", retry_at=NOW),
            failure(owner="acme", reason="sso_partial", organizations=("7", "8")),
            failure(owner="acme", listing="docker_conflicts", reason="of_a_later_version"),
            head=header("acme", "lost", "late"),
        )
    )
    for text in (
        "5 parts could not be obtained.",
        "The audit stopped before the end of 1 listing.",
        '<a href="https://github.com/orgs/lost/sso?authorization_request=A1"',
        "Single sign-on required.",
        "The token needs read:packages; it has repo.",
        "The limit holds until 2026-01-15 12:00 UTC.",
        "2 organizations by id: 7, 8.",
        "of_a_later_version.",
        "Not listed, or not to the end: late npm.",
    ):
        assert text in page


def test_an_empty_audit_is_a_page_too() -> None:
    report = audit()
    page = render_report(report, comparison=report.compare(report), findings=[])
    for text in ("There is no package.", "Nothing was found.", "Nothing changed.", "Complete."):
        assert text in page
    assert "<figure" not in page


def test_an_audit_without_rules_has_no_findings() -> None:
    page = render_report(audit(package()))
    assert 'id="findings"' not in page
    assert 'id="rule"' not in page


def test_findings_lead_to_where_they_are() -> None:
    report = AuditReport.of(
        header(package_types=("npm", "docker")),
        [
            package(visibility="public"),
            conflict(),
            failure("lost"),
            *ends(package_types=["npm", "docker", None]),
        ],
    )
    elsewhere = Finding("empty", "x", "npm", "y", "z")
    page = render_report(report, findings=[*report.findings(RULES, now=NOW), elsewhere])
    assert '<a href="#conflicts">Docker conflict</a> <b>1</b>' in page
    assert '<a href="#lost">Not obtained</a> <b>1</b>' in page
    assert '<a href="#packages" data-rule="public">Public</a> <b>1</b>' in page
    # No filter link, since no package in the report has this finding.
    assert '<a href="#packages">Without versions</a> <b>1</b>' in page


def test_changes_are_grouped_by_kind() -> None:
    page = render_report(audit(package()), comparison=changes("gone & lost"))
    for text in (
        "Changes since the earlier audit",
        "New packages <b>1</b>",
        "Packages that are gone <b>1</b>",
        "Visibility changed <b>1</b>",
        "More versions <b>1</b>",
        "Fewer versions <b>1</b>",
        "<td>public</td><td>gone &amp; lost</td>",
        '<td class="number">7</td><td class="number">1</td>',
        "1 new, 1 gone",
    ):
        assert text in page


def test_lists_too_long_to_show_are_counted() -> None:
    count = MOST_LISTED + 1234
    packages = [package(f"p{number}") for number in range(count)]
    lost = [failure(owner=f"o{number}") for number in range(count)]
    report = audit(*packages, *lost)
    page = render_report(report, comparison=report.compare(audit()))
    assert page.count("And 1,234 more.") == 2
    assert "2,234 parts could not be obtained." in page


def test_listings_that_were_not_compared_are_named() -> None:
    old = AuditReport.of(header(), [package()])
    page = render_report(audit(package()), comparison=audit(package()).compare(old))
    assert "Not compared, as not complete in both audits: acme npm." in page
