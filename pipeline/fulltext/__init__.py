"""Full-text search without an archive: normalizing, tokens, query language, matches, excerpts.

All functions are pure and the same for every database. `store.search` finds the articles.
"""
