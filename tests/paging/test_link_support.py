"""Evidence that a server sends ``Link`` with an operation."""

from __future__ import annotations

import asyncio

from ghpkg_async._paging.link_support import LinkSupport


def test_one_link_outweighs_any_number_of_responses_without_it() -> None:
    support = LinkSupport()
    assert support.sends_link is None
    support.learn(sends_link=False)
    assert support.sends_link is False
    support.learn(sends_link=True)
    support.learn(sends_link=False)
    assert support.sends_link is True


async def test_a_wait_for_first_pages_ends_with_the_evidence() -> None:
    support = LinkSupport()
    with support.first_page():
        waiting = asyncio.create_task(support.wait_for_first_pages())
        await asyncio.sleep(0)
        assert not waiting.done()
        support.learn(sends_link=True)
        await asyncio.wait_for(waiting, 0.5)


async def test_a_wait_for_first_pages_ends_with_their_responses() -> None:
    support = LinkSupport()
    with support.first_page():
        waiting = asyncio.create_task(support.wait_for_first_pages())
        await asyncio.sleep(0)
    await asyncio.wait_for(waiting, 0.5)
    assert support.sends_link is None


async def test_a_failed_first_page_ends_the_wait_too() -> None:
    support = LinkSupport()
    try:
        with support.first_page():
            waiting = asyncio.create_task(support.wait_for_first_pages())
            await asyncio.sleep(0)
            raise ZeroDivisionError
    except ZeroDivisionError:
        await asyncio.wait_for(waiting, 0.5)
