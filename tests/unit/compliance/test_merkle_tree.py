from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.compliance.merkle_tree import MerkleTree, leaf_hash, root_of_path

#: The inputs and roots of Certificate Transparency's own tests.
INPUTS = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree_of(leaves: Sequence[bytes]) -> MerkleTree:
    tree = MerkleTree()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def root_by_definition(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\x01" + root_by_definition(leaves[:k]) + root_by_definition(leaves[k:])).digest()


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def test_the_roots_are_those_of_certificate_transparency() -> None:
    tree = MerkleTree()
    assert tree.root() == sha256(b"").digest()
    for size, (entry, root) in enumerate(zip(INPUTS, ROOTS, strict=True), 1):
        tree.append(leaf_hash(bytes.fromhex(entry)))
        assert tree.root().hex() == root
        assert [tree.root(earlier + 1).hex() for earlier in range(size)] == ROOTS[:size]


@given(st.integers(0, 200), st.data())
def test_every_root_is_as_defined(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    earlier = data.draw(st.integers(0, size))
    assert tree_of(leaves).root(earlier) == root_by_definition(leaves[:earlier])


@given(st.integers(1, 200), st.data())
def test_a_path_leads_from_its_entry_alone_to_the_root(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index, earlier = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    tree = tree_of(leaves)
    if index >= earlier:
        with pytest.raises(ValueError, match="is not in a tree"):
            tree.path(index, earlier)
        return
    path, root = tree.path(index, earlier), tree.root(earlier)
    assert root_of_path(leaves[index], index, earlier, path) == root
    other = data.draw(st.integers(0, earlier - 1))
    if other != index:
        assert root_of_path(leaves[index], other, earlier, path) != root
        assert root_of_path(leaves[other], index, earlier, path) != root
    assert root_of_path(leaves[index], index, earlier, [*path, leaves[0]]) != root
    if path:
        assert root_of_path(leaves[index], index, earlier, path[:-1]) != root
        assert root_of_path(leaves[index], index, earlier, [*path[:-1], leaf_hash(b"x")]) != root


def test_an_index_outside_of_the_tree_leads_nowhere() -> None:
    assert root_of_path(leaf_hash(b""), -1, 1, []) is None
    assert root_of_path(leaf_hash(b""), 1, 1, []) is None
    assert root_of_path(leaf_hash(b""), 0, 0, []) is None
