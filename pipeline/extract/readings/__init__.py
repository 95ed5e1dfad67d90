"""Readings of a page that do not depend on the decision trees, so that no story is lost."""
