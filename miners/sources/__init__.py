"""Where texts come from: files and language models."""
