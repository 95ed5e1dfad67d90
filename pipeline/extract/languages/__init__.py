"""Find the language of a text or of a page."""
