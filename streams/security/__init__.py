"""Who may do what, shown by what, and how often."""
