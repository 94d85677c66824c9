"""Items, answers and findings in the formats of other programs: out with all that is known of them, and back in."""
