import pytest

BASIL = {"name": "Basil", "place": "Kitchen", "every_days": "2"}


def test_nothing_to_water(client):
    assert "All plants are happy." in client.get("/").text


def test_new_plant_is_thirsty(client):
    response = client.post("/plants/add", data=BASIL)
    assert response.headers["Location"] == "/plants/"
    assert "Basil" in client.get("/plants/").text
    assert "Basil (Kitchen)" in client.get("/").text


def test_watered_plant_is_not(client):
    client.post("/plants/add", data=BASIL)
    page = client.post("/plants/1/water", follow_redirects=True).text
    assert "Watered Basil." in page
    assert "All plants are happy." in page


def test_watering_twice_a_day_counts_once(client):
    client.post("/plants/add", data=BASIL)
    for _ in range(2):
        assert client.post("/plants/1/water").status_code == 302


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": " "}, "A plant needs a name and a place."),
        ({"every_days": "often"}, "Every how many days?"),
        ({"every_days": "0"}, "Every how many days?"),
    ],
)
def test_add_refuses(client, change, message):
    page = client.post("/plants/add", data={**BASIL, **change}).text
    assert message in page
    assert "No plants yet." in client.get("/plants/").text


def test_same_plant_twice(client):
    client.post("/plants/add", data=BASIL)
    page = client.post("/plants/add", data=BASIL).text
    assert "There is a Basil already." in page


def test_no_such_plant(client):
    assert client.post("/plants/7/water").status_code == 404


def test_init_db(app):
    runner = app.test_cli_runner()
    assert "ready" in runner.invoke(args=["init-db"]).output
    assert "Monstera" in app.test_client().get("/plants/").text
