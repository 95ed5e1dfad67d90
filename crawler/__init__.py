"""The crawler: fetches pages of one site in one process and saves them to the archive."""
