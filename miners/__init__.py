"""Finding, ranking and queueing the texts on which the members of an ensemble cannot agree."""
