"""Pytest fixtures ``github`` and ``github_client``, available wherever the library is installed.

``github`` is a running ``EmbeddedGitHub``, ``github_client`` a client for it:

    async def test_cleanup(github, github_client):
        github.world.org("acme").package("npm", "left", versions=3)
        assert len(await github_client.org("acme").packages("npm")) == 1

In an asynchronous test, run by pytest-asyncio in either of its modes or by anyio, the server runs
in the test's event loop. In a synchronous test it runs in a thread, for any client; change its
world between requests only.

    def test_a_script(github):
        github.world.org("acme").package("npm", "left", versions=3)
        subprocess.run(["./cleanup", github.url], env={"TOKEN": github.token}, check=True)

``github_client`` has no pacing: no limit of points per minute and no pause between writes. Faults
can be switched on at any time:

    async def test_a_bad_day(github, github_client):
        github.faults = Faults(seed=7, server_error=0.1, reset_after=0.05, latency=(0.0, 0.02))

    async def test_a_delete_that_is_done_but_responds_502(github, github_client):
        github.faults.next("server_error_after", method="DELETE")

    async def test_the_hourly_budget_runs_out(github, github_client):
        github.faults.primary_limit = PrimaryLimit(20, window=2)

    async def test_an_outage(github, github_client):
        async with github.down():
            ...

``Faults`` lists all faults, and ``github.requests`` has each request with its fault and its status.
The names used here are in ``ghpkg_async.testing``.
"""

pytest_plugins: tuple[str, ...] = ("_ghpkg_async_pytest",)
"""Fixtures for ``-p ghpkg_async.testing.plugin``, needed if plugin autoloading is disabled."""
