"""The documentation page."""

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
    html = page(openapi, "http://127.0.0.1")
    assert not any(tag in html for tag in ("<b>", "<script>", "<i>", "<u>"))
    assert "&lt;script&gt;" in html
