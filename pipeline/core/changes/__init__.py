"""What a change of a story is: its kinds and values, and which texts have the same wording."""
