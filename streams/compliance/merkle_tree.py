"""Merkle trees (RFC 6962, section 2.1): one digest for all entries, and proofs that one is among them."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

_LEAF, _NODE = b"\x00", b"\x01"  # so that no node can be taken for a leaf
_DIGEST = 32  # bytes


def leaf_hash(entry: bytes) -> bytes:
    """The digest of an entry."""
    return sha256(_LEAF + entry).digest()


class MerkleTree:
    """The digests of entries and of all complete subtrees: 64 bytes an entry."""

    def __init__(self) -> None:
        self._levels: list[bytearray] = [bytearray()]
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, leaf: bytes) -> None:
        """Add the digest of the next entry."""
        node, number = leaf, self._size
        for level in self._levels:
            level.extend(node)
            if not number & 1:
                break
            node = sha256(_NODE + level[-2 * _DIGEST :]).digest()
            number >>= 1
        else:
            self._levels.append(bytearray(node))
        self._size += 1

    def root(self, size: int | None = None) -> bytes:
        """The digest of the first entries; of all without a size."""
        return self._hash(0, self._size if size is None else size)

    def path(self, index: int, size: int) -> list[bytes]:
        """The digests that lead from an entry to the root of the first `size` entries, from the bottom up."""
        if not 0 <= index < size <= self._size:
            raise ValueError(f"{index} of {size} is not in a tree of {self._size}")
        return list(self._path(index, 0, size))

    def _path(self, index: int, begin: int, end: int) -> Iterator[bytes]:
        if end - begin == 1:
            return
        middle = begin + _split(end - begin)
        if index < middle:
            yield from self._path(index, begin, middle)
            yield self._hash(middle, end)
        else:
            yield from self._path(index, middle, end)
            yield self._hash(begin, middle)

    def _hash(self, begin: int, end: int) -> bytes:
        """The digest of some entries; `begin` is a multiple of the largest power of two that fits between."""
        count = end - begin
        if not count:
            return sha256().digest()
        if count & (count - 1) == 0:  # a complete subtree
            level = count.bit_length() - 1
            at = (begin >> level) * _DIGEST
            return bytes(self._levels[level][at : at + _DIGEST])
        middle = begin + _split(count)
        return sha256(_NODE + self._hash(begin, middle) + self._hash(middle, end)).digest()


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root to which a path leads from an entry (RFC 9162, section 2.1.3.2); None if it is too short or too long."""
    if not 0 <= index < size:
        return None
    node, number, last = leaf, index, size - 1
    for sibling in path:
        if not last:
            return None
        if number & 1 or number == last:
            node = sha256(_NODE + sibling + node).digest()
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            node = sha256(_NODE + node + sibling).digest()
        number >>= 1
        last >>= 1
    return None if last else node


def _split(count: int) -> int:
    """The largest power of two that is smaller than a count of 2 or more."""
    return 1 << ((count - 1).bit_length() - 1)
