"""The ranked, leased queue of items for people, what they answered, and the other durable records."""
