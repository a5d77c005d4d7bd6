"""The recordings agent: audio of any length in, one compressed file and its result out."""
