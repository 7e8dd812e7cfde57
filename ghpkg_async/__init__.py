"""An asyncio client for GitHub Packages: typed, complete listings, pages fetched side by side.

async with GitHubPackages(token) as gh:
    async for package in gh.org("acme").packages("container"):
        print(package.name, package.visibility, package.version_count)
"""

from ._client import GitHubPackages
from ._dicts import from_dict, to_dict
from ._items import Items
from ._listing.listing import Listing, Page
from ._namespaces import Namespace
from ._refs import PackageRef, VersionRef
from ._session.auth import TokenSource
from ._session.hooks import RequestEvent
from ._session.limits import RateLimit
from ._session.scheduler import RateLimitWait, Wait
from ._session.stats import Stats
from ._version import __version__
from .errors import (
    APIError,
    BadRequest,
    ClientClosed,
    ConfigurationError,
    ConnectionFailed,
    DeletionRefused,
    Forbidden,
    GitHubPackagesError,
    InsufficientScope,
    InvalidResponse,
    ListingUnstable,
    NotFound,
    PaginationCapReached,
    RateLimited,
    RequestTimeout,
    ServerError,
    SSORequired,
    Unauthorized,
    UnprocessableEntity,
)
from .models import (
    PACKAGE_TYPES,
    CodeOfConduct,
    ContainerMetadata,
    DockerMetadata,
    License,
    Owner,
    Package,
    PackageType,
    PackageVersion,
    PackageVersionMetadata,
    Permissions,
    Repository,
    State,
    Visibility,
)

__all__ = [
    "PACKAGE_TYPES",
    "APIError",
    "BadRequest",
    "ClientClosed",
    "CodeOfConduct",
    "ConfigurationError",
    "ConnectionFailed",
    "ContainerMetadata",
    "DeletionRefused",
    "DockerMetadata",
    "Forbidden",
    "GitHubPackages",
    "GitHubPackagesError",
    "InsufficientScope",
    "InvalidResponse",
    "Items",
    "License",
    "Listing",
    "ListingUnstable",
    "Namespace",
    "NotFound",
    "Owner",
    "Package",
    "PackageRef",
    "PackageType",
    "PackageVersion",
    "PackageVersionMetadata",
    "Page",
    "PaginationCapReached",
    "Permissions",
    "RateLimit",
    "RateLimitWait",
    "RateLimited",
    "Repository",
    "RequestEvent",
    "RequestTimeout",
    "SSORequired",
    "ServerError",
    "State",
    "Stats",
    "TokenSource",
    "Unauthorized",
    "UnprocessableEntity",
    "VersionRef",
    "Visibility",
    "Wait",
    "__version__",
    "from_dict",
    "to_dict",
]
