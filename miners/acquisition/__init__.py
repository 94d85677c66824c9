"""Which texts are worth the next labels: one strategy a file, all behind one Protocol."""
