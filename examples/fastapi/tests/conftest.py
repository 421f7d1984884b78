import pytest
from fastapi.testclient import TestClient

from app.main import app
from app.store import TRAILS, Store, get_store


@pytest.fixture
def client():
    store = Store(TRAILS)
    app.dependency_overrides[get_store] = lambda: store
    yield TestClient(app)
    app.dependency_overrides.clear()
