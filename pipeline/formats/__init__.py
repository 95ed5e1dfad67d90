"""What is taken elsewhere, and what comes in: exports in common formats with a manifest that proves them, and imports.

A format is one function in the registry (`formats`). Nothing here knows SQL: articles and visits come from the store's streams,
and what comes in goes through the store's doors.
"""
