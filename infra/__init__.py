"""Everything around the product: the local broker, monitoring, images and packaging."""
