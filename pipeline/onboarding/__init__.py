"""Turns the result of a probe into a site file. No network, no clock, no archive.

`proposal_builder` decides what the file says, with `source_selection` and `story_patterns`.
`site_file_writer` writes it with reasons. `rejections` says why a site cannot be added.
`check_site` compares a site's file with a new probe. `site_lists` reads lists of sites.
"""
