"""`python -m ghpkg_async.cli` is `ghpkg`."""

from . import main

raise SystemExit(main())
