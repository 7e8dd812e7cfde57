"""Entry point of `python -m ghpkg_async._cli`, which is the same as `ghpkg`."""

from . import main

raise SystemExit(main())
