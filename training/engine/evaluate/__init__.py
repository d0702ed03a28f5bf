"""Metrics, baselines and reports about trained models."""
