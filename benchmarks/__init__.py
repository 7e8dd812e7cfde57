"""Measures `ghpkg_async` against other clients on a local server: ``python -m benchmarks``."""
