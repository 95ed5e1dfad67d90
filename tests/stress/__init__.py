"""Stress tests: each takes minutes and is a command of its own. You do not need them to use
Nightdesk.

`python -m tests.stress NAME` runs one against this checkout, prints its figures, and exits with 1
if one falls short.
"""
