"""Proximal policy optimisation with a critic: the published details, one per place."""
