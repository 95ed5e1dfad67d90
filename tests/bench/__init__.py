"""Benchmarks: how good the extracted texts are, and what they cost, on labelled pages.

Nightdesk needs none of this, and the repository holds no page: you bring your own sets. A set is a
file of JSON lines, plain or compressed (.gz, .xz). Each line has `id`, `site`, `url`, `html`,
`text`, and where known `lang`, `title`, `authors` and `date`. In place of `text` it may have the
lists `with` and `without`: pieces of text that must be there and that must not.
"""
