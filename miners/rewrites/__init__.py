"""Rewrites of labelled seed texts, harder to see through: one operator a file, all of them in `registry`."""
