"""Cleaning beyond one database: exported pages → Drafts → texts, by the same pure functions, wherever there are processors.

Functions of this room take and return Arrow tables or files, and know neither an archive nor what calls them: one process
(`jobs`), or Ray (`on_ray`, the only module that imports it). What comes of it is brought back by `runs.brought`.
"""
