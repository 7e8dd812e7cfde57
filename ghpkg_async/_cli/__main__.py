"""`python -m ghpkg_async._cli` is `ghpkg`."""

from . import main

raise SystemExit(main())
