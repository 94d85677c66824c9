"""Thin Ray Serve shells around plain objects; the only part of the HTTP service that knows Ray."""
