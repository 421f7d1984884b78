def add(client, name, note=""):
    return client.post("/tools/new", data={"name": name, "note": note})


def test_empty_shelf(client):
    response = client.get("/")
    assert response.status_code == 200
    assert "Nothing here yet." in response.text


def test_add_tool(client):
    response = add(client, "Ladder", "Three metres")
    assert response.status_code == 302
    assert "Ladder" in client.get("/").text
    assert "Three metres" in client.get("/tools/1").text


def test_tool_needs_a_name(client):
    response = add(client, "  ")
    assert response.status_code == 400
    assert "A tool needs a name." in response.text


def test_same_tool_twice(client):
    add(client, "Ladder")
    response = add(client, "Ladder")
    assert response.status_code == 400
    assert "on the shelf already" in response.text


def test_lend_and_return(client):
    add(client, "Drill")
    client.post("/tools/1/lend", data={"neighbour": "Ines"})
    assert "is with Ines since" in client.get("/").text
    page = client.post("/tools/1/return", follow_redirects=True).text
    assert "Drill is back." in page
    assert "is with Ines since" not in page


def test_lend_what_is_out(client):
    add(client, "Drill")
    client.post("/tools/1/lend", data={"neighbour": "Ines"})
    response = client.post(
        "/tools/1/lend", data={"neighbour": "Olu"}, follow_redirects=True
    )
    assert "Drill is out already." in response.text


def test_unknown_tool(client):
    response = client.get("/tools/99")
    assert response.status_code == 404
    assert "There is no such tool." in response.text
