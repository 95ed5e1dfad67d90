"""The steps of a clean that `pipeline.jobs.clean` connects, and their helpers.

The step between extraction and publication, which applies the rules, is a pure function in
`pipeline.cleaning.clean_page`.
"""
