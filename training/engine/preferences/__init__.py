"""Training on collected preferences: rows, frozen models, batches, one trainer."""
