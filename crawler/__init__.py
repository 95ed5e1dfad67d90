"""The crawler: fetches pages of one Site in one process and saves them to the archive."""
