"""The benchmark room: how good the texts are, and what they cost, on labelled pages that whoever runs it brings along.

Nothing of this is needed to use Nightdesk, and no page is kept here. A set is a file of JSON lines, plain or packed (.gz, .xz),
each with `id`, `site`, `url`, `html`, `text` and, where known, `lang`, `title`, `authors`, `date`.
"""
