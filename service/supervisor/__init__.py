"""The process behind `hungjury up`, and what other programs need to find and join it."""
