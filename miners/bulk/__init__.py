"""Bulk runs over any number of shards: cheap members first, bounded memory, the best of each niche; see `run`."""
