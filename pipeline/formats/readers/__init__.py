"""Readers of files: HTML, JSON lines, WARC, and exports that come back."""
