"""The wheel: how the packages of the checkout become the one package `hotel_audio`."""
