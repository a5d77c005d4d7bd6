"""Which hotels have time series of their own."""

#: The hotel label of those that came after.
OTHER = "other"
#: Each has five series on each worker.
MAX_HOTELS = 200


class HotelLabels:
    """Gives the first hotels that come a label each, and one to all others.

    Whoever sends can invent hotel ids; without a bound each would cost memory here and in Prometheus, for good.

    Args:
        most: Hotels with a label of their own.
    """

    def __init__(self, most: int = MAX_HOTELS) -> None:
        self._most = most
        self._known: set[str] = set()

    def of(self, hotel: str) -> str:
        """The label for a hotel."""
        if hotel in self._known:
            return hotel
        if len(self._known) >= self._most:
            return OTHER
        self._known.add(hotel)
        return hotel
