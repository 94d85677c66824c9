"""How good the members are, and how independent."""
