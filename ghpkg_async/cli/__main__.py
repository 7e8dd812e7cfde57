"""`python -m ghpkg_async.cli` is `ghpkg`."""

from ghpkg_async.cli import main

raise SystemExit(main())
