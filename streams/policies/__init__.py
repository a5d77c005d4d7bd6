"""The topic of policies: what it says of each hotel, and changes of it that cannot cross each other."""
