"""From what a probe found to a site file: pure functions, no network, no clock, no archive.

`shapes` generalises story URLs into patterns, `propose` decides what goes into the file, `compose` writes it with its reasons,
`verdicts` says what is wrong with a site, `sources` reads lists of sites, `naming` and `zones` guess a name and a time zone.
"""
