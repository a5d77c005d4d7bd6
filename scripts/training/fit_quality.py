"""Fits the model that predicts quality, on half of the prompts, and checks it on the other half.

Writes streams/compression/quality.json; prints the tables of docs/QUALITY_MODEL.md. Takes some minutes.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import repeat
from pathlib import Path

from infra.debian import UnavailableError
from scripts.benchmarks import corpus
from scripts.benchmarks.codecs import calls, checking
from scripts.benchmarks.codecs.checking import Check, check
from scripts.benchmarks.codecs.examples import Example, Source, measure, sources
from scripts.benchmarks.corpus import CACHE
from scripts.cli import fail, progress_bar, say
from scripts.training import fitting
from streams.analysis.analysis import analyse
from streams.codecs import Encoder, Mp3Encoder, OpusEncoder, VorbisEncoder, WavEncoder
from streams.compression import formats
from streams.compression.forecast import Forecast
from streams.compression.quality import NOISY, SPEECH, Model

_FILE = Path(__file__).parents[2] / "streams" / "compression" / "quality.json"
_FLOORS = {3: 4.2, 4: 4.0, 5: 3.5}
# One in this many prompts is also encoded with less effort, or with the other codecs.
_EFFORT_EVERY = 8
_OTHERS_EVERY = 4
_ROOMS = 8
_say = partial(say, "fit_quality")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(argv)
    try:
        found = corpus.load(CACHE, _say).limited(options.limit)
    except UnavailableError as error:
        return fail("fit_quality", f"there are no prompts to fit, because {error}")
    train, test = found.speech[::2], found.speech[1::2]
    _say(f"fitting on {len(train)} prompts, checking on {len(test)} others")
    examples = _measured(
        [
            *sources(train, _opus_encoders, "speech", varied=True),
            *_rooms(replace(found, speech=train)),
            *sources(train[::_EFFORT_EVERY], _low_effort_encoders, "speech", varied=True),
            *sources(train[::_OTHERS_EVERY], _others_and_g711, "speech", varied=True),
            *sources(found.music[::2], _music_encoders, "music", varied=False),
        ]
    )
    data = fitting.fit(examples)
    model = Model.from_json(data)
    checked = _checked(model, test, found.music[1::2])
    fitted = {"prompts": len(train), "checked_on": len(test), "origin": found.origin}
    _FILE.write_text(json.dumps({"fit": fitted | _figures(checked)} | data, indent=1) + "\n")
    for title, rows in checked.items():
        print(f"\n{title}\n\n{_table(rows)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/fit_quality", description=__doc__)
    parser.add_argument(
        "--limit", type=int, default=120, metavar="N", help="use N prompts, half of them to check (now: %(default)s)"
    )
    return parser


def _rooms(found: corpus.Corpus) -> list[Source]:
    """Sides of calls from rooms with other voices, whose pauses are longer than those within prompts."""
    material = calls.Material(found)
    sides = [calls.side(call, number) for call in map(calls.babble, repeat(material, _ROOMS)) for number in range(2)]
    return [Source(f"room {index}", "room", NOISY, side, _opus_encoders(NOISY)) for index, side in enumerate(sides)]


def _opus_encoders(kind: str) -> list[Encoder]:
    return [OpusEncoder(bitrate, shaped=kind == SPEECH) for bitrate in fitting.SPEECH_BITRATES]


def _low_effort_encoders(kind: str) -> list[Encoder]:
    efforts = [(bitrate, effort) for bitrate in fitting.EFFORT_BITRATES for effort in fitting.EFFORTS]
    return [OpusEncoder(bitrate, effort, shaped=kind == SPEECH) for bitrate, effort in efforts]


def _other_encoders(_: str) -> list[Encoder]:
    return [
        *(Mp3Encoder(bitrate) for bitrate in fitting.MP3_BITRATES),
        *(VorbisEncoder(quality) for quality in fitting.VORBIS_QUALITIES),
    ]


def _others_and_g711(kind: str) -> list[Encoder]:
    return [*_other_encoders(kind), WavEncoder("pcmu")]


def _music_encoders(kind: str) -> list[Encoder]:
    return [*(OpusEncoder(bitrate) for bitrate in fitting.MUSIC_BITRATES), *_other_encoders(kind)]


def _checked(model: Model, speech: Sequence[corpus.Named], music: Sequence[corpus.Named]) -> dict[str, list[Check]]:
    """Tables by title, on recordings that were not fitted."""
    by_setting = _measured(sources(speech[::_OTHERS_EVERY], _opus_encoders, "speech", varied=True))
    by_codec = _measured(
        [
            *sources(speech[::_EFFORT_EVERY], _low_effort_encoders, "speech", varied=True),
            *sources(speech[::_OTHERS_EVERY], _other_encoders, "speech", varied=True),
            *sources(music, _music_encoders, "music", varied=False),
        ]
    )
    tables = {
        "Opus, speech, by bit rate": check(model, by_setting, checking.bitrate),
        "By codec (Opus: with less effort)": check(model, by_codec, checking.codec),
    }
    for level, floor in _FLOORS.items():
        chosen = _measured(
            [_at_floor(model, source, floor) for source in sources(speech, lambda _: (), "speech", varied=True)]
        )
        plain = [example for example in chosen if example.variant == "plain"]
        tables[f"Level {level}, bit rate chosen for {floor}"] = [
            *check(model, plain, lambda _: "all prompts as they are"),
            *check(model, plain, checking.language),
            *check(model, chosen, lambda example: example.variant),
        ]
    return tables


def _at_floor(model: Model, source: Source, floor: float) -> Source:
    prediction = Forecast(model, source.clip.rate, source.clip.channels, analyse(source.clip))
    gain_db = formats.gain_of(prediction)
    encoder = OpusEncoder(
        prediction.bitrate_for(floor, gain_db=gain_db), shaped=prediction.content == SPEECH, gain_db=gain_db
    )
    return Source(source.name, source.variant, source.kind, source.clip, [encoder])


def _measured(wanted: Sequence[Source]) -> list[Example]:
    with progress_bar() as progress:
        bar = progress.add_task("coded", total=len(wanted))
        return measure(wanted, lambda: progress.advance(bar))


def _figures(checked: dict[str, list[Check]]) -> dict[str, dict[str, float]]:
    """The mean absolute errors, which are saved with the model."""
    return {"error": {title: round(rows[0].error, 3) for title, rows in checked.items() if title.startswith("Level")}}


def _table(rows: Sequence[Check]) -> str:
    lines = ["| | clips | mean abs. error | bias | PESQ mean | p10 | ratio |", "|---|---|---|---|---|---|---|"]
    lines += [
        f"| {row.group} | {row.count} | {row.error:.3f} | {row.bias:+.3f} | {row.mean:.2f} | {row.p10:.2f} "
        f"| {row.ratio:.1f} |"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
