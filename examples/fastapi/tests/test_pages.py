def test_home(client):
    response = client.get("/")
    assert response.status_code == 200
    assert "Mill loop" in response.text
    assert "no report yet" in response.text


def test_report_by_form(client):
    response = client.post(
        "/trails/quarry-steps",
        data={"surface": "blocked", "walker": "Tom", "comment": "Tree down."},
        follow_redirects=False,
    )
    assert response.status_code == 303
    page = client.get(response.headers["location"])
    assert "Tree down." in page.text
    assert "blocked, says Tom" in client.get("/").text


def test_form_without_a_name(client):
    response = client.post(
        "/trails/quarry-steps", data={"surface": "dry", "walker": ""}
    )
    assert response.status_code == 422


def test_stylesheet(client):
    assert client.get("/static/style.css").status_code == 200


def test_health(client):
    assert client.get("/health").json() == {"status": "ok"}
