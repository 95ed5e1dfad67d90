"""Tell pages that list other pages from stories."""
