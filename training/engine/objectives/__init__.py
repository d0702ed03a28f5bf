"""Pure losses: tensors in, one value per example out."""
