"""Reward models of many kinds: a backbone, a head, a loss and an aggregation."""
