"""What runs around the product: the local broker, images and deployment."""
