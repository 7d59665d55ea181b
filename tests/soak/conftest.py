"""What the soak shares with other tests."""

from tests.crashes.conftest import nursery
from tests.e2e.conftest import databases

__all__ = ["databases", "nursery"]  # fixtures
