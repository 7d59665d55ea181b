"""Node and its packages for the tests with a foreign client."""

import pytest

from tests.e2e.conftest import quick_starts
from tests.foreign.requirements import LEFT_OUT, install, missing, required

__all__ = ["quick_starts"]  # a fixture


@pytest.fixture(scope="session", autouse=True)
def node() -> None:
    """Make what the client needs. Without Node these tests are left out, or fail where that must not be."""
    lacks = missing()
    if lacks is None:
        install()
    elif required():
        pytest.fail(f"{LEFT_OUT} {lacks}", pytrace=False)
    else:
        pytest.skip(f"{LEFT_OUT} {lacks}")
