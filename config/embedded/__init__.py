"""PostgreSQL and Valkey of our own; `config/services.py` is the way in."""
