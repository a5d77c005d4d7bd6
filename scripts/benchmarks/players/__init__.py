"""What players, browsers and other programs make of the files that the encoders write."""
