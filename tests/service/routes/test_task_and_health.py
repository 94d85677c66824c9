"""Task, identity, health and documentation routes."""

import re


def test_task_gives_question_and_guideline_to_labelers(world):
    """A labeler reads the question and the guideline, and no threshold."""
    body = world.call("label", "GET", "/v1/tasks/injury").json()
    assert body["question"] == world.services.task.header.question
    assert len(body["guideline"]) > 500
    assert "threshold" not in body


def test_unknown_task_is_a_404(world):
    """A task that is not served is not found, and the served one is named."""
    answer = world.call("score", "GET", "/v1/tasks/weather")
    assert answer.status_code == 404
    assert "injury" in answer.json()["error"]["message"]


def test_me_says_whose_key_it_is(world):
    """Any key can be asked whose it is."""
    for role in ("score", "label", "admin"):
        body = world.call(role, "GET", "/v1/me").json()
        assert (body["name"], body["role"]) == (role, role)


def test_health_needs_no_key(world):
    """Alive is always answered; ready turns to 503 where a member has never answered."""
    assert world.client.get("/healthz").json() == {"status": "alive"}
    assert world.client.get("/readyz").json() == {"ready": True, "members": {"words": True}, "queue": True}
    world.rule.down = True
    waiting = world.client.get("/readyz")
    assert (waiting.status_code, waiting.json()["ready"]) == (503, False)
    assert waiting.headers["Retry-After"]


def test_openapi_is_complete(world):
    """Every /v1 route asks for a key or a session, has a summary and documents its errors in the one shape."""
    openapi = world.client.get("/openapi.json").json()
    routes = [o for path, ops in openapi["paths"].items() if path.startswith("/v1") for o in ops.values()]
    assert len(routes) >= 12
    for route in routes:
        assert route["security"] in ([{"key": []}, {"session": []}], [{"key": []}], [{"session": []}])
        assert route["summary"]
        schema = route["responses"]["422"]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/ErrorBody"}
        assert "$ref" in str(route["responses"]["200"])
    assert openapi["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert "HTTPValidationError" not in str(routes)


def test_docs_need_no_outside_host(world):
    """The documentation page lists every route and loads nothing from anywhere."""
    page = world.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "POST /v1/score" in page.text
    assert not re.search(r"<(script|img|iframe)", page.text)
    assert re.findall(r'<link[^>]*href="([^"]*)"', page.text) == ["label/icon.svg", "label/docs.css"]


def test_start_page_is_there(world):
    """A browser that opens the address is led on."""
    assert world.client.get("/").status_code == 200
