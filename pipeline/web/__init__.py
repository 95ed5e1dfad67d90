"""The reading room: the archive in a browser, read-only.

Promises that whatever stands in the archive is treated as hostile: every text is escaped, no page runs or loads anything that
is not this room's own, and nothing can be changed through it. What is read, `store` and `runs` find; here it is shown.
"""
