"""Red-teaming the red team: known failures are planted, and who finds them is counted."""
