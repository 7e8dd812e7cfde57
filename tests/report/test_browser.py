"""The report in a browser: headless Chromium, driven by Playwright."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
import pytest_asyncio

from ghpkg_async import PACKAGE_TYPES
from ghpkg_async.audit import PackageEntry
from ghpkg_async.audit._report import render_report, write_report
from ghpkg_async.audit._report.drawing import WIDTH
from tests.report.rig import HOSTILE, RULES, audit, large
from tests.support.records import NOW, conflict, failure, header, package

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from playwright.async_api import Browser, Locator, Page

    from ghpkg_async.audit import AuditReport

    Open = Callable[..., Awaitable[Page]]

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 800}
TITLE = "GitHub Packages audit, 2026-01-15"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def show(browser: Browser, tmp_path: Path) -> AsyncIterator[Open]:
    """Open a report offline; fail afterwards if the page logged an error or sent a request."""
    complaints: list[str] = []
    requests: list[str] = []
    contexts = []

    async def show(report: AuditReport, *, old: AuditReport | None = None, **settings: Any) -> Page:
        path = tmp_path / "audit.html"
        rules = (*RULES, "visibility_widened") if old is not None else RULES
        write_report(
            report,
            path,
            comparison=report.compare(old) if old is not None else None,
            findings=report.findings(rules, now=NOW, compared_to=old),
        )
        context = await browser.new_context(offline=True, **{"viewport": DESKTOP, **settings})
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        await page.goto(path.as_uri())
        return page

    yield show
    for context in contexts:
        await context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


def rows(page: Page) -> Locator:
    return page.locator("#rows > tr")


async def column(page: Page, key: str) -> list[str]:
    return await page.locator(f"#rows [data-cell={key}]").all_inner_texts()


async def names(page: Page) -> list[str]:
    return await page.locator("#rows bdi").all_inner_texts()


def small() -> AuditReport:
    return audit(
        package("item-10", version_count=5, visibility="public", repository=None),
        package("item-9", version_count=12),
        package("Äpfel", package_type="maven", owner="octo-org", version_count=0, repository=None),
        package("zebra", updated_at=NOW.replace(year=2020), version_count=1200),
        failure(
            "lost",
            reason="sso_required",
            authorization_url="https://github.com/orgs/lost/sso?authorization_request=A1",
        ),
        conflict(),
        head=header("acme", "octo-org", "lost", package_types=("npm", "maven", "docker")),
    )


def earlier(report: AuditReport) -> AuditReport:
    """Return an earlier audit with fewer packages and with other version counts."""
    return attrs.evolve(
        report,
        entries=tuple(
            attrs.evolve(each, version_count=9) if isinstance(each, PackageEntry) else each
            for each in report.entries[40:]
        ),
    )


async def test_the_page_renders(show: Open) -> None:
    page = await show(large(300), old=earlier(large(300)))
    assert await page.title() == TITLE
    figures = await page.locator(".figures dd").all_inner_texts()
    assert figures[0].split("\n")[0] == "300"
    assert await page.locator("figure svg").count() == 5
    for drawing in await page.locator("figure svg").all():
        box = await drawing.bounding_box()
        assert box is not None
        assert box["width"] > 300
        assert box["height"] > 30
    bar = page.locator("figure rect.type-0").first
    assert await bar.evaluate("bar => getComputedStyle(bar).fill") == "rgb(58, 111, 176)"
    assert await rows(page).count() == 100
    assert await page.locator("#place").inner_text() == "Page 1 of 3"


async def test_the_table_sorts(show: Open) -> None:
    page = await show(small())
    asked = ["item-10", "item-9", "zebra", "Äpfel"]
    assert await names(page) == asked
    heading = page.locator("th[data-sort=name]")
    await heading.get_by_role("button").click()
    assert await heading.get_attribute("aria-sort") == "ascending"
    assert await names(page) == ["Äpfel", "item-9", "item-10", "zebra"]
    await heading.get_by_role("button").click()
    assert await heading.get_attribute("aria-sort") == "descending"
    assert await names(page) == ["zebra", "item-10", "item-9", "Äpfel"]
    await page.locator("th[data-sort=versions] button").click()
    assert await heading.get_attribute("aria-sort") is None
    assert await column(page, "versions") == ["1,200", "12", "5", "0"]
    await page.locator("th[data-sort=updated] button").click()
    assert (await column(page, "updated"))[0] == "2020-01-15"
    for key in ("owner", "type", "visibility", "findings"):
        await page.locator(f"th[data-sort={key}] button").click()
    assert sorted(await names(page)) == sorted(asked)
    assert await page.locator("[aria-sort]").count() == 1


async def test_the_table_filters(show: Open) -> None:
    page = await show(small())
    status = page.get_by_role("status")
    assert await status.inner_text() == "4 packages"
    field = page.get_by_label("Filter")
    await field.press_sequentially("MAVEN octo")
    assert await names(page) == ["Äpfel"]
    assert await status.inner_text() == "1 of 4 packages match"
    await field.fill("no such thing")
    assert await rows(page).count() == 0
    assert await status.inner_text() == "0 of 4 packages match"
    await page.get_by_role("button", name="Clear").click()
    assert await rows(page).count() == 4
    assert await field.evaluate("field => field === document.activeElement")
    await page.get_by_role("combobox", name="Finding").select_option("no_repository")
    assert await names(page) == ["item-10", "Äpfel"]
    await field.fill("item")
    assert await names(page) == ["item-10"]


async def test_findings_lead_to_their_packages(show: Open) -> None:
    page = await show(small())
    await page.get_by_label("Filter").fill("item")
    await page.get_by_role("link", name="Without versions").click()
    assert await names(page) == ["Äpfel"]
    assert await page.get_by_role("combobox", name="Finding").input_value() == "empty"
    assert page.url.endswith("#packages")
    await page.get_by_role("link", name="Not obtained").click()
    authorize = page.get_by_role("link", name="Authorize the token")
    assert await authorize.get_attribute("href") == (
        "https://github.com/orgs/lost/sso?authorization_request=A1"
    )


async def test_pages_turn(show: Open) -> None:
    page = await show(large(250))
    shown = {*await names(page)}
    following = page.get_by_role("button", name="Next")
    for place in (2, 3):
        await following.click()
        assert await page.locator("#place").inner_text() == f"Page {place} of 3"
        shown |= {*await names(page)}
    assert len(shown) == 250
    assert await following.get_attribute("aria-disabled") == "true"
    await following.press("Enter")
    assert await rows(page).count() == 50
    await page.get_by_role("button", name="Previous").click()
    assert await rows(page).count() == 100
    await page.get_by_label("Filter").fill("service-24")
    assert not await page.get_by_role("navigation").is_visible()


async def test_rows_are_the_same_with_the_script_and_without(show: Open) -> None:
    report = large(250)
    plain = await show(report, java_script_enabled=False)
    assert await plain.locator("figure svg").count() == 3
    assert not await plain.get_by_role("search").is_visible()
    scripted = await show(report)
    first, second = [await page.locator("#rows").inner_html() for page in (plain, scripted)]
    assert first.replace("\n", "") == second.replace("\n", "")


async def test_the_page_works_by_keyboard(show: Open) -> None:
    page = await show(small())
    await page.keyboard.press("Tab")
    assert await page.get_by_role("link", name="Skip to the packages").is_visible()
    await page.keyboard.press("Enter")
    # Tab order: the text field, the other fields and their reset button, then the headings.
    await page.keyboard.press("Tab")
    await page.keyboard.type("item")
    assert await names(page) == ["item-10", "item-9"]
    for _ in range(3):
        await page.keyboard.press("Tab")
    focused = page.locator(":focus")
    assert await focused.inner_text() == "Package"
    assert await focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    await page.keyboard.press("Enter")
    assert await names(page) == ["item-9", "item-10"]
    await page.keyboard.press("Space")
    assert await names(page) == ["item-10", "item-9"]


async def test_a_screen_reader_gets_the_content_of_the_page(show: Open) -> None:
    page = await show(small())
    table = page.get_by_role("table", name="Packages", exact=True)
    assert await table.get_by_role("columnheader").count() == 7
    assert await table.get_by_role("rowheader", name="item-9").count() == 1
    drawing = page.get_by_role("img", name="Packages by owner and type")
    assert "acme: 3 npm" in (await drawing.locator("desc").text_content() or "")
    await page.get_by_text("As a table").first.click()
    owners = page.locator("figure").first.get_by_role("rowheader")
    assert await owners.all_inner_texts() == ["acme", "octo-org"]


@pytest.mark.parametrize("width", [320, 375, 768, 1025, 1280])
async def test_no_width_scrolls_sideways(show: Open, width: int) -> None:
    long = package("w" * 300, owner="o" * 39, repository="r" * 140, visibility="public")
    message = failure(message="x" * 400, owner="l" * 39)
    head = header("acme", package_types=("npm", "docker"), with_versions=True)
    report = audit(*large(120).entries, long, message, conflict("c" * 200), head=head)
    page = await show(report, old=earlier(large(120)), viewport={"width": width, "height": 800})
    for each in await page.locator("details").all():
        await each.evaluate("details => details.open = true")
    assert await page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [1025, 1280])
async def test_a_type_is_never_broken_into_two_lines(show: Open, width: int) -> None:
    owner = "an-owner-with-a-long-name"
    packages = [
        package("n" * 60, owner=owner, package_type=each, visibility="internal")
        for each in PACKAGE_TYPES
    ]
    head = header(owner, package_types=PACKAGE_TYPES, with_versions=True)
    page = await show(audit(*packages, head=head), viewport={"width": width, "height": 800})
    for cell in await page.locator("#rows :is([data-cell=type], [data-cell=visibility])").all():
        assert (
            await cell.evaluate(
                "cell => { const range = document.createRange(); range.selectNodeContents(cell);"
                " return range.getClientRects().length; }"
            )
            == 1
        )


async def test_a_phone_has_all_of_it(show: Open) -> None:
    page = await show(small(), viewport=PHONE, has_touch=True, is_mobile=True)
    await page.locator("th[data-sort=versions] button").tap()
    assert (await names(page))[0] == "zebra"
    row = rows(page).first
    for text in ("zebra", "acme", "npm", "private", "1,200", "2020-01-15"):
        assert await row.get_by_text(text, exact=True).is_visible()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
async def test_texts_of_charts_are_inside_their_drawing(
    show: Open, viewport: dict[str, int]
) -> None:
    page = await show(large(300), old=earlier(large(300)), viewport=viewport)
    for text in await page.locator("figure text").all():
        left, right = await text.evaluate(
            "text => { const box = text.getBBox(); return [box.x, box.x + box.width]; }"
        )
        assert left >= 0
        assert right <= WIDTH


async def test_the_page_is_dark_if_the_reader_prefers_dark(show: Open) -> None:
    lighter_ground = {}
    for scheme in ("light", "dark"):
        page = await show(small(), color_scheme=scheme)
        ground, ink = [
            await page.evaluate(f"getComputedStyle(document.body).{name}")
            for name in ("backgroundColor", "color")
        ]
        lighter_ground[scheme] = brightness(ground) > brightness(ink)
    assert lighter_ground == {"light": True, "dark": False}


def brightness(color: str) -> int:
    return sum(map(int, color.removeprefix("rgb(").removesuffix(")").split(", ")))


async def test_the_page_prints(show: Open) -> None:
    page = await show(large(1200), color_scheme="dark")
    await page.emulate_media(media="print")
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert await rows(page).count() == 1000
    assert await page.locator("#rest").inner_text() == "And 200 more."
    assert not await page.get_by_label("Filter").is_visible()
    ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    heading = "th => getComputedStyle(th, '::before').content"
    assert await page.locator("th[data-sort=name]").evaluate(heading) == '"Package"'
    await page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert await rows(page).count() == 100


async def test_printing_leaves_the_page_as_it_was(show: Open) -> None:
    page = await show(large(150))
    assert (await page.pdf(format="A4")).startswith(b"%PDF")
    assert await rows(page).count() == 100
    assert not await page.locator("#rest").is_visible()


async def test_names_stay_names(show: Open) -> None:
    texts = [text for text in HOSTILE if text.isprintable()]
    urls = ["javascript:document.title='taken'", "data:text/html,x", "https://github.com/<b>"]
    report = audit(
        *(
            package(text, owner=text, repository=text, html_url=urls[place % 3])
            for place, text in enumerate(texts)
        ),
        *(failure(owner=text, message=text, authorization_url=urls[0]) for text in texts),
        *(conflict(text, html_url=urls[0]) for text in texts),
        head=header(*texts, package_types=("npm", "docker")),
    )
    page = await show(report, old=audit())
    assert await names(page) == texts
    await page.locator("th[data-sort=name] button").click()
    assert sorted(await names(page)) == sorted(texts)
    assert await page.locator("a:not([href^='#'])").count() == 0
    assert await page.locator("img, iframe").count() == 0
    assert await page.locator("script").count() == 2
    assert await page.title() == TITLE


async def test_the_policy_holds_should_markup_get_in(browser: Browser, tmp_path: Path) -> None:
    markup = (
        "<script>document.title = 'script'</script>"
        "<img src=x onerror=\"document.title = 'handler'\">"
        "<img src=https://example.org/x><iframe src=https://example.org></iframe>"
        "<b style='position: fixed'>style</b>"
    )
    path = tmp_path / "audit.html"
    path.write_text(render_report(small()).replace("<main>", f"<main>{markup}"), encoding="utf-8")
    page = await browser.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text.lower()))
    await page.goto(path.as_uri())
    await page.locator("th[data-sort=name] button").click()
    assert await page.title() == TITLE
    position = "element => getComputedStyle(element).position"
    assert await page.get_by_text("style", exact=True).evaluate(position) == "static"
    make = "text => { try { document.body.innerHTML = text } catch (error) { return error.name } }"
    assert await page.evaluate(make, "<b>x</b>") == "TypeError"
    for directive in ("script-src", "img-src", "default-src", "style-src", "trusted"):
        assert [text for text in refused if directive in text]
    await page.close()


SEND = """
async ([selector, event, value]) => {
  const element = document.querySelector(selector);
  if (value !== null) element.value = value;
  element.dispatchEvent(new Event(event, { bubbles: true }));
  document.body.offsetHeight;  // Lays the page out.
}
"""


async def test_ten_thousand_packages_stay_responsive(show: Open) -> None:
    page = await show(large(10_000))
    assert await page.get_by_role("status").inner_text() == "10,000 packages"
    chromium = await page.context.new_cdp_session(page)
    # CPU time of the page's thread, since wall-clock time depends on concurrent tests.
    await chromium.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def milliseconds() -> float:
        metrics = (await chromium.send("Performance.getMetrics"))["metrics"]
        return float(1000 * next(each["value"] for each in metrics if each["name"] == "ThreadTime"))

    async def fastest(selector: str, event: str, values: Sequence[str | None]) -> float:
        times = []
        for value in values:
            before = await milliseconds()
            await page.evaluate(SEND, [selector, event, value])
            times.append(await milliseconds() - before)
        return min(times)

    for key in ("name", "owner", "versions", "updated", "findings"):
        assert await fastest(f"th[data-sort={key}] button", "click", [None] * 4) < 200
    assert await fastest("#words", "input", ["s", "se", "ser", "service-99", ""]) < 100
    assert await fastest("#rule", "change", ["public", "no_repository", ""]) < 100
    await page.get_by_label("Filter").press_sequentially("service-9999")
    assert await names(page) == ["search/service-9999"]
