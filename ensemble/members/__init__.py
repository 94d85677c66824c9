"""The members: each reads texts in its own way."""
