"""Label-keeping rewrites of labelled seed texts: the same answer, harder to see."""
