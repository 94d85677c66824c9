"""Fitting members and panel; torch lives here and in `ensemble.members`."""
