"""Tasks: one yes/no question each, a folder of texts; `injury` is packaged."""
