"""OGG files have all packets that were written, page by page."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.audio.containers import ogg
from streams.codecs.oggfile import write

PACKETS = [bytes((number,)) * 80 for number in range(200)]


@given(sizes=st.lists(st.integers(0, 1600), min_size=1, max_size=400))
def test_every_packet_is_found_again(sizes: list[int]) -> None:
    packets = [bytes((number % 251,)) * size for number, size in enumerate(sizes)]
    granules = [(number + 1) * 10 for number in range(len(sizes))]

    audio = write((b"head", b"tags"), packets, granules, 100)

    pages = ogg.walk(audio)
    assert isinstance(pages, list)
    assert [audio[page.body : page.end] for page in pages[:2]] == [b"head", b"tags"]
    assert packets_of(audio, pages[2:]) == packets
    assert pages[-1].granule == granules[-1]
    assert [page.granule for page in pages] == sorted(page.granule for page in pages)


def test_a_page_lasts_at_most_a_second() -> None:
    audio = write((b"head", b"tags"), PACKETS, range(300, 60_300, 300), 1000)

    pages = ogg.walk(audio)
    assert isinstance(pages, list)
    ends = [page.granule for page in pages[1:]]
    assert {end - start for start, end in pairwise(ends)} == {900, 600}  # as many packets as fit; the rest


def test_the_serial_number_depends_on_the_content_alone() -> None:
    def serial(head: bytes, packets: list[bytes]) -> int:
        audio = write((head,), packets, range(1, len(packets) + 1), 100)
        pages = ogg.walk(audio)
        assert isinstance(pages, list)
        assert len({page.serial for page in pages}) == 1
        return pages[0].serial

    assert serial(b"head", PACKETS) == serial(b"head", PACKETS)
    assert len({serial(b"head", PACKETS), serial(b"other", PACKETS), serial(b"head", PACKETS[1:])}) == 3


def packets_of(audio: bytes, pages: list[ogg.Page]) -> list[bytes]:
    found = []
    for page in pages:
        at, packet = page.body, b""
        for size in audio[page.start + 27 : page.body]:
            packet += audio[at : at + size]
            at += size
            if size < 255:
                found.append(packet)
                packet = b""
    return found
