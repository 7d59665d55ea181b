"""What the soak shares with other tests."""

from tests.e2e.conftest import databases

__all__ = ["databases"]  # a fixture
