"""Bytes of a content that occur nowhere else, as far as can be told from themselves."""

_BYTES, _STEP = 32, 8
#: Bytes of a beginning that has no zeros: a search would look closer wherever the device is empty.
_BEGINNING = 4
#: Different values among them: random bytes have about thirty, silence and headers few.
_DIFFERENT = 20


def window_of(content: bytes) -> bytes | None:
    """Bytes from as near to the middle as there are any that look random; None where there are none.

    Args:
        content: A file or any other content.
    """
    middle = max(0, (len(content) - _BYTES) // 2)
    for distance in range(0, middle + _BYTES, _STEP):
        for at in dict.fromkeys((middle + distance, middle - distance)):
            window = content[at : at + _BYTES] if at >= 0 else b""
            if len(window) == _BYTES and len(set(window)) >= _DIFFERENT and 0 not in window[:_BEGINNING]:
                return window
    return None
