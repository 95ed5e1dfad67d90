"""Numbers about the lines of a page, for the decision trees."""
