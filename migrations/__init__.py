"""The schema's migrations. They are append-only: never change one that is committed.

`versions/1000_initial.py` creates the schema of the first release. Each later change is a new
file, numbered 1001 and up, with `revision` its number and `down_revision` the number before it.
`alembic revision --autogenerate --rev-id 1001 -m "what"` writes the first draft of it. Every
migration can be undone, and moves rows in small steps.
"""
