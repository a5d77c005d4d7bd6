"""The console: pages for people, made from what the API's own routes answer. These alone decide who sees what."""
