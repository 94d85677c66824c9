"""An archive of the best failing text of every niche, filled by rewrites that a bandit chooses."""
