"""The GitHubs that the embedded server can imitate, and the details in which they differ."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs

Behaves: TypeAlias = Literal["recorded", "documented", "linkless"]
"""Name of an imitated GitHub; ``EmbeddedGitHub`` describes each."""


@attrs.frozen(kw_only=True)
class Behavior:
    """Details of responses in which one GitHub differs from another.

    Attributes:
        counts_in_listings: Packages in a listing have ``version_count``.
        user_view_type: Owners have ``user_view_type``.
        package_links: Package listings carry ``Link``. Version listings always do.
        single_page_links: A listing that fits one page carries ``Link`` too.
        rewritten_links: ``Link`` names organizations by id, ``/organizations/1001/...``, states
            ``per_page`` even if the request does not, and sorts the query.
        accepted_scopes: ``X-Accepted-OAuth-Scopes`` lists the scopes of the operation; else the
            header is empty.
    """

    counts_in_listings: bool
    user_view_type: bool
    package_links: bool
    single_page_links: bool
    rewritten_links: bool
    accepted_scopes: bool


_RECORDED: Final = Behavior(
    counts_in_listings=False,
    user_view_type=True,
    package_links=True,
    single_page_links=False,
    rewritten_links=True,
    accepted_scopes=False,
)

BEHAVIORS: Final[dict[Behaves, Behavior]] = {
    "recorded": _RECORDED,
    "documented": Behavior(
        counts_in_listings=True,
        user_view_type=False,
        package_links=True,
        single_page_links=True,
        rewritten_links=False,
        accepted_scopes=True,
    ),
    "linkless": attrs.evolve(_RECORDED, package_links=False),
}
