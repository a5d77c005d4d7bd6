"""The image of the product: its Dockerfile, and how it is built."""
