"""A source that proposes nothing, for what goes by names, shares and what a source says of itself."""


class IdleSource:
    """Says that so much is left, or, with None, that it does not know."""

    def __init__(self, name="corpus:x", left=None):
        self.name, self._left = name, left

    def propose(self, _count):
        return []

    def observe(self, scored):
        pass

    def state(self):
        return {}

    def restore(self, state):
        pass

    def expected(self, limit):
        return None if self._left is None else min(limit, self._left)
