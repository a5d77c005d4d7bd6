"""The agents, one package each, and the worker that runs them."""
