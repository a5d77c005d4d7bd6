"""Makes an image's workers refuse half of all calls; loaded by Python itself as `sitecustomize`."""

import sys
import zlib
from typing import Any

if sys.orig_argv[-1] == "worker":
    from hotel_audio.agents.compress.pipeline import Pipeline  # type: ignore[import-not-found]  # in the image alone
    from hotel_audio.schemas import Rejection  # type: ignore[import-not-found]

    _run = Pipeline.run

    def _refuse_half(self: Any, record: Any, *arguments: Any) -> Any:
        if zlib.crc32(record.key or b"") % 2:
            return Rejection("compress", "BrokenOnPurpose", "value", "this version refuses half of all calls")
        return _run(self, record, *arguments)

    Pipeline.run = _refuse_half
