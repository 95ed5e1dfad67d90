"""What publications change in their stories: how two texts differ, and what to call it.

Pure functions of two texts. They need no database.
"""
