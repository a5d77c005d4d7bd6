"""Admission to the cache by repetition: the first occurrence of a key is only remembered, the second is admitted."""

_HASHES = 4
_BITS_PER_KEY = 10  # with four hashes, 1.2 % false positives when a generation is full
_KEY_BYTES = 4 * _HASHES


class RepetitionSketch:
    """Remembers recently seen keys in a small, fixed amount of memory: two generations of a Bloom filter.

    New keys go into the younger generation. When that has ``capacity`` keys, it replaces the older generation, whose
    keys are forgotten. So a key is remembered for between one and two times ``capacity`` other keys.

    The keys must be digests: their own bytes are used as hashes.

    Args:
        capacity: New keys in a generation, at least 1.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._bits = 1 << (capacity * _BITS_PER_KEY - 1).bit_length()
        self._young = bytearray(self._bits // 8)
        self._old = bytearray(self._bits // 8)
        self._count = 0

    def seen(self, key: bytes) -> bool:
        """Remember a key, and return whether it was seen before.

        About one new key in a hundred is a false positive.
        """
        mask = self._bits - 1
        young, old = self._young, self._old
        number = int.from_bytes(key[:_KEY_BYTES], "little")
        in_young = in_old = True
        for shift in range(0, 32 * _HASHES, 32):
            position = (number >> shift) & mask
            byte, bit = position >> 3, 1 << (position & 7)
            if not young[byte] & bit:
                in_young = False
                young[byte] |= bit
            if not old[byte] & bit:
                in_old = False
        if not in_young:
            self._count += 1
            if self._count >= self._capacity:
                self._old, self._young, self._count = young, bytearray(len(old)), 0
        return in_young or in_old
