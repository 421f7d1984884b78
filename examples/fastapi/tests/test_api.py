def test_trails(client):
    response = client.get("/api/trails")
    assert response.status_code == 200
    assert [trail["slug"] for trail in response.json()] == [
        "mill-loop",
        "ridge-path",
        "quarry-steps",
    ]
    assert response.json()[0]["latest"] is None


def test_report_becomes_the_latest(client):
    for surface in ("dry", "icy"):
        response = client.post(
            "/api/trails/ridge-path/reports",
            json={"surface": surface, "walker": "Mai"},
        )
        assert response.status_code == 201
    latest = client.get("/api/trails/ridge-path").json()["latest"]
    assert latest["id"] == 2
    assert latest["surface"] == "icy"


def test_newest_report_first(client):
    for walker in ("Mai", "Tom", "Ana"):
        client.post(
            "/api/trails/mill-loop/reports", json={"surface": "dry", "walker": walker}
        )
    response = client.get("/api/trails/mill-loop/reports", params={"limit": 2})
    assert [report["walker"] for report in response.json()] == ["Ana", "Tom"]


def test_unknown_surface(client):
    response = client.post(
        "/api/trails/mill-loop/reports", json={"surface": "lava", "walker": "Mai"}
    )
    assert response.status_code == 422


def test_unknown_trail(client):
    response = client.get("/api/trails/nowhere")
    assert response.status_code == 404
    assert response.json() == {"detail": "no such trail"}
