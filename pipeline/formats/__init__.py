"""Exports in common formats with a manifest, and readers of the files that are imported.

Nothing here knows SQL: the store reads and saves.
"""
