"""Learning from completions sampled during training: one loop for every method."""
