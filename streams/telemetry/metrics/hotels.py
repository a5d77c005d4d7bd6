"""Hotel labels: a limited number of hotels have time series of their own."""

#: Label of all other hotels.
OTHER = "other"
#: Hotels with a label of their own; each has five series on each worker.
MAX_HOTELS = 200


class HotelLabels:
    """Assigns a label of its own to each of the first hotels, and a common label to all others.

    Senders can invent hotel ids; without a bound each would permanently take memory here and in Prometheus.

    Args:
        most: Number of hotels with a label of their own.
    """

    def __init__(self, most: int = MAX_HOTELS) -> None:
        self._most = most
        self._known: set[str] = set()

    def of(self, hotel: str) -> str:
        """Return the label of a hotel."""
        if hotel in self._known:
            return hotel
        if len(self._known) >= self._most:
            return OTHER
        self._known.add(hotel)
        return hotel
