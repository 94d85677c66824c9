"""The documentation page."""

import html
import json
import re

import jsonschema

from service.api_docs import page, resolve


def test_recursive_schema_ends():
    """A schema that contains itself is shown once and then by name."""
    openapi = {
        "components": {
            "schemas": {"Tree": {"properties": {"child": {"$ref": "#/components/schemas/Tree"}}, "title": "Tree"}}
        }
    }
    assert resolve(openapi, {"$ref": "#/components/schemas/Tree"}) == {"properties": {"child": "Tree"}}


def test_descriptions_are_escaped():
    """Whatever a description holds, it is shown as text."""
    openapi = {
        "info": {"title": "<b>", "version": "1"},
        "paths": {"/a<script>": {"get": {"summary": "<i>", "responses": {"200": {"description": "<u>"}}}}},
    }
    shown = page(openapi, "http://127.0.0.1")
    assert not any(tag in shown for tag in ("<b>", "<script>", "<i>", "<u>"))
    assert "&lt;script&gt;" in shown


def test_every_example_is_a_request_that_the_description_allows(world):
    """Whoever copies a line of the page sends a body of the right shape."""
    openapi = world.client.get("/openapi.json").json()
    shown = html.unescape(page(openapi, "http://127.0.0.1"))
    checked = 0
    for method, body, path in re.findall(r"curl -X (\w+) .*? -d '(.*?)' http://127\.0\.0\.1(/\S+?)</pre>", shown):
        wanted = openapi["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
        jsonschema.validate(json.loads(body), resolve(openapi, wanted))
        checked += 1
    assert checked >= 8
