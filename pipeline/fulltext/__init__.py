"""What somebody asks the archive for in words, without an archive: letters, tokens, the language of queries, matches, excerpts.

Promises pure functions, the same for every database. To find the stories is the business of `store`.
"""
