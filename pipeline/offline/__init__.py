"""Extract and clean exported pages without an archive, wherever there are processors.

The functions take and return Arrow tables or files. They know neither an archive nor who calls
them: one process (`job`) or Ray (`ray_runner`, the only module that imports it). The module
`pipeline.jobs.import_extracted` imports the result into an archive.
"""
