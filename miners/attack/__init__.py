"""A person attacks the deployed member: what the bench offers them, what it counts, and what they hand in."""
