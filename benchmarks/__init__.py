"""Measurements of chaisqld beside PostgreSQL, Redis and a bare echo; README.md says how to run them."""
