"""The text of an article with its structure: as a tree, as Markdown, as HTML, and its links."""
