"""Synthetic traces: of a hotel chain's telephony, and others that favour one policy or another."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.cache.traces import Integers, Trace

_DAY = 86_400.0  # seconds
_DAYS = 28
_COMMON = 0.5  # share of the week's common language
_HOTELS = 30
_LANGUAGES = 4
_PROMPTS = 50  # of a hotel, in each language
_ANNOUNCEMENTS = 30  # of a season
_SEASONS = 4
_TRACKS, _SEGMENTS, _SEGMENT_SECONDS = 12, 40, 10.0  # hold music, sent in segments
_PATIENCE = 5  # mean number of segments that a caller listens to
_UPDATES = 40  # times that a hotel records some of its prompts anew
_RENEWED = 0.2  # share of them
#: Shares of repeated audio, by count. The rest is guests' speech, which never repeats.
_SHARES = {"prompts": 0.58, "announcements": 0.08, "music": 0.24}
_PROMPT_BYTES, _MUSIC_BYTES, _SPEECH_BYTES = 9_000, 16_000, 12_000  # medians of encoded files

Floats = NDArray[np.float64]


class _Catalogue:
    """Assigns numbers and log-normal sizes to new items."""

    def __init__(self, chance: np.random.Generator) -> None:
        self._chance = chance
        self._sizes: list[NDArray[np.int64]] = []
        self._count = 0

    def add(self, count: int, median: float) -> Integers:
        """Numbers of ``count`` new items of about ``median`` bytes."""
        sizes = self._chance.lognormal(np.log(median), 0.7, count)
        self._sizes.append(np.clip(sizes, 500, 200_000).astype(np.int64))
        self._count += count
        return np.arange(self._count - count, self._count)

    def trace(self, times: list[Floats], items: list[Integers]) -> Trace:
        """Sort requests by time; items without requests are left out."""
        order = np.argsort(np.concatenate(times), kind="stable")
        used, numbers = np.unique(np.concatenate(items)[order], return_inverse=True)
        return Trace(np.concatenate(times)[order], numbers, np.concatenate(self._sizes)[used])


def hotel(requests: int, seed: int = 0) -> Trace:
    """Four weeks of a chain: daily rhythm, seasons, prompts recorded again, and a test of all of them every night."""
    chance = np.random.default_rng(seed)
    catalogue = _Catalogue(chance)
    times, items = [], []
    for source in (_prompts, _announcements, _music, _guests):
        when, what = source(chance, catalogue, requests)
        times.append(when)
        items.append(what)
    return catalogue.trace(times, items)


def _prompts(chance: np.random.Generator, catalogue: _Catalogue, requests: int) -> tuple[Floats, Integers]:
    when = _moments(chance, int(requests * _SHARES["prompts"]))
    slots = _HOTELS * _LANGUAGES * _PROMPTS
    recorded = catalogue.add(slots, _PROMPT_BYTES).reshape(_HOTELS, _LANGUAGES, _PROMPTS)
    hotel = _zipf(chance, _HOTELS, 0.8, len(when))
    prompt = _zipf(chance, _PROMPTS, 1.0, len(when))
    tests = np.arange(_DAYS) * _DAY + 3 * 3600  # at three in the night, one hotel after the other
    tested = [recorded[night % _HOTELS].ravel() for night in range(_DAYS)]
    items = recorded[hotel, _guests_language(chance, when), prompt]
    for moment in np.sort(chance.uniform(0, _DAYS * _DAY, _UPDATES)):
        renewed = chance.random(_PROMPTS) < _RENEWED
        fresh = catalogue.add(slots // _HOTELS, _PROMPT_BYTES).reshape(_LANGUAGES, _PROMPTS)
        number = int(chance.integers(_HOTELS))
        for language in range(_LANGUAGES):
            recorded[number, language, renewed] = fresh[language, renewed]
        later = (when >= moment) & (hotel == number) & renewed[prompt]
        items[later] = fresh[_guests_language(chance, when[later]), prompt[later]]
    spacing = np.arange(_LANGUAGES * _PROMPTS) * 1.0
    when_tested = np.concatenate([start + spacing for start in tests])
    return np.concatenate([when, when_tested]), np.concatenate([items, *tested])


def _announcements(chance: np.random.Generator, catalogue: _Catalogue, requests: int) -> tuple[Floats, Integers]:
    when = _moments(chance, int(requests * _SHARES["announcements"]))
    season = (when / (_DAYS * _DAY) * _SEASONS).astype(np.int64)
    of_season = catalogue.add(_SEASONS * _ANNOUNCEMENTS, _PROMPT_BYTES).reshape(_SEASONS, _ANNOUNCEMENTS)
    return when, of_season[season, _zipf(chance, _ANNOUNCEMENTS, 0.7, len(when))]


def _music(chance: np.random.Generator, catalogue: _Catalogue, requests: int) -> tuple[Floats, Integers]:
    starts = _moments(chance, int(requests * _SHARES["music"] / _PATIENCE))
    tracks = catalogue.add(_TRACKS * _SEGMENTS, _MUSIC_BYTES).reshape(_TRACKS, _SEGMENTS)
    track = _zipf(chance, _TRACKS, 0.5, len(starts))
    heard = np.minimum(chance.geometric(1 / _PATIENCE, len(starts)), _SEGMENTS)
    segment = np.concatenate([np.arange(count) for count in heard])
    return np.repeat(starts, heard) + segment * _SEGMENT_SECONDS, tracks[np.repeat(track, heard), segment]


def _guests(chance: np.random.Generator, catalogue: _Catalogue, requests: int) -> tuple[Floats, Integers]:
    count = int(requests * (1 - sum(_SHARES.values())))
    return _moments(chance, count), catalogue.add(count, _SPEECH_BYTES)


def _moments(chance: np.random.Generator, count: int) -> Floats:
    """Random times, in seconds, with a quiet night and a peak in the evening."""
    hours = np.arange(24)
    rate = 1.1 - np.cos((hours - 6) / 24 * 2 * np.pi)
    hour = chance.choice(hours, count, p=rate / rate.sum())
    return np.sort(chance.integers(_DAYS, size=count) * _DAY + (hour + chance.random(count)) * 3600)


def _guests_language(chance: np.random.Generator, when: Floats) -> Integers:
    """The language of each guest: most guests of a week share one, which changes every week."""
    week = (when / (7 * _DAY)).astype(np.int64)
    other: Integers = chance.integers(_LANGUAGES, size=len(when))
    language: Integers = np.where(chance.random(len(when)) < _COMMON, week % _LANGUAGES, other)
    return language


def drift(requests: int, seed: int = 0) -> Trace:
    """Recent items repeat for a short time: favours LRU."""
    chance = np.random.default_rng(seed)
    catalogue = _Catalogue(chance)
    items = _drifting(chance, catalogue, requests)
    return catalogue.trace([np.arange(requests, dtype=np.float64)], [items])


def scan(requests: int, seed: int = 0) -> Trace:
    """Some items are always popular, and long series of others are used once: favours LFU."""
    chance = np.random.default_rng(seed)
    catalogue = _Catalogue(chance)
    items = _scanned(chance, catalogue, requests)
    return catalogue.trace([np.arange(requests, dtype=np.float64)], [items])


def switch(requests: int, seed: int = 0) -> Trace:
    """First `drift`, then, from the middle on, `scan`."""
    chance = np.random.default_rng(seed)
    catalogue = _Catalogue(chance)
    half = requests // 2
    items = [_drifting(chance, catalogue, half), _scanned(chance, catalogue, requests - half)]
    return catalogue.trace([np.arange(requests, dtype=np.float64)], [np.concatenate(items)])


def _drifting(chance: np.random.Generator, catalogue: _Catalogue, requests: int) -> Integers:
    """The item of request n is some hundred requests old; a new one comes with every tenth."""
    age = chance.geometric(1 / 200, requests)
    newest = np.arange(requests) // 10
    items = catalogue.add(requests // 10 + 1, _PROMPT_BYTES)
    drifting: Integers = items[np.maximum(newest - age, 0)]
    return drifting


def _scanned(chance: np.random.Generator, catalogue: _Catalogue, requests: int) -> Integers:
    popular = catalogue.add(2000, _PROMPT_BYTES)[_zipf(chance, 2000, 0.9, requests)]
    in_scan = np.arange(requests) % 2000 >= 1200  # noqa: PLR2004  two thirds popular, then a scan
    passing = catalogue.add(int(in_scan.sum()), _PROMPT_BYTES)
    popular[in_scan] = passing
    return popular


def _zipf(chance: np.random.Generator, count: int, exponent: float, draws: int) -> Integers:
    """Random numbers below ``count``; the smaller, the more frequent."""
    weights = 1.0 / np.arange(1, count + 1) ** exponent
    numbers: Integers = chance.choice(count, draws, p=weights / weights.sum())
    return numbers


#: Kinds of traces by name; each takes the number of requests and a seed.
KINDS: Mapping[str, Callable[..., Trace]] = {"hotel": hotel, "drift": drift, "scan": scan, "switch": switch}
