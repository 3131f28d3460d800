"""What tests of several rooms share."""

import pytest

from skreg import _threads


@pytest.fixture
def whole_teams(monkeypatch):
    """Let a fit take all threads that ``n_jobs`` allows, however little work there is for them."""
    monkeypatch.setattr(_threads, "VECTORS_PER_THREAD", 1e-9)
