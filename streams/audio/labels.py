"""Whether raw audio is what its label says, judged from the signal itself.

Raw audio has no header, and labels lie: G.711 arrives called linear, byte orders are swapped, the laws are mixed up.
Read wrongly, audio turns into noise; read rightly, it can be predicted. So every reading of the bytes is priced: how
many bits would a simple predictor need to send these very bytes, if they meant this? All readings pay for the same
bytes, so their prices compare (minimum description length, Rissanen 1978); a sample of G.711 is cheaper by the width of
its step, as a coarse value says less than a fine one. Level, smoothness and periodicity thus weigh in one currency.

A first, cheap price settles nearly every clip: the label's is the lowest by far. Where it is not, a better predictor
decides, and changes the label only where that reads as noise and exactly one other reading makes sense. What has too
few values to judge (silence, square waves) costs next to nothing in every reading: the label stands. Of hard-clipped
speech the few values that are not clipped have to tell, and the margin is narrow: there, the other reading has to be
predictable as a whole as well, which clipped noise is in no reading, and the label's must not be.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from schemas import media_type as types
from schemas.media_type import MediaType
from streams.audio import g711
from streams.native import ffi, lib

_READINGS = (types.L16, types.SLIN, types.PCMU, types.PCMA)
_LINEAR: dict[str, str] = {types.L16: ">i2", types.SLIN: "<i2"}
_LAWS: dict[str, g711.Law] = {types.PCMU: "pcmu", types.PCMA: "pcma"}

# Bytes priced together, 8 to 16 ms at 8 kHz: level and predictability change from syllable to syllable.
_BLOCK: int = lib.PRICED_BLOCK
_CANDIDATES = 4096  # blocks of a long clip that are looked at for any content at all
_QUICK, _THOROUGH = 64, 128  # blocks that are priced: half a second to a second of linear audio at 8 kHz
_FEWEST = 8  # blocks with content, 64 to 128 ms at 8 kHz, below which the label stands

# In bits per byte. Of rightly labelled synthetic signals (tones, noise, clipping, square waves; mono and stereo) that
# cost 1.5 or more, none had another reading cheaper by more than 0.63, and of those above 2.5 none by more than 0.33. A
# second of real speech, read wrongly, costs 5.6 or more and 1.6 more than the right reading; of real music 4.3, and 0.9
# more. `scripts/bench analysis` prints what comes of it.
_NOISY = 2.4
_MARGIN = 0.75
_CLEAR = 0.5  # by the first, cheap price; only clipped speech is less clear

# Real speech with half of its samples clipped keeps a margin of 0.1 and a price of 3.9, and its right reading saves
# 0.55 bits per sample or more by prediction. Of the synthetic signals with another reading cheaper by so much, none
# saves more than 0.47 in that, or the label's own reading saves 3.9 or more.
_CLIPPED_NOISY = 3.0
_CLIPPED_MARGIN = 0.1
_PREDICTABLE = 0.5
_UNPREDICTABLE = 1.2

_ORDER = 8  # of the linear prediction: enough for four steady tones
_POPULAR = 64  # a value that makes up more than this part (1/64) of a clip is one of few, and sent by number


def true_media_type(audio: bytes, media_type: MediaType) -> MediaType:
    """Check the label of raw audio against its signal.

    Looks at 16 KiB of the audio at most, wherever in it something happens. Pure and thread-safe.

    Args:
        audio: The bytes as they came; of any length, also one that the label does not allow.
        media_type: What the sender calls them. A type that is not raw is never doubted.

    Returns:
        The label itself, or one with the same rate (Hz), channels and other parameters, and the type that the signal
        shows. Read as G.711, bytes are twice as many samples as read as linear audio.
    """
    channels = media_type.channels
    if channels is None:
        return media_type
    busy, prices = _quick_prices(audio, channels)
    if len(busy) < _FEWEST:
        return media_type
    if all(prices[media_type.type] + _CLEAR <= prices[other] for other in _READINGS if other != media_type.type):
        return media_type
    blocks = np.frombuffer(audio, np.uint8, len(audio) // _BLOCK * _BLOCK).reshape(-1, _BLOCK)
    best = _better_reading(blocks[_spread(busy, _THOROUGH)], media_type.type, channels)
    corrected = _relabelled(media_type, best)
    return corrected if len(audio) % (corrected.frame_bytes or 1) == 0 else media_type


def _better_reading(blocks: NDArray[np.uint8], label: str, channels: int) -> str:
    """The reading that makes sense where the label's does not; the label itself where that is not certain."""
    prices = {reading: _price(blocks, reading, channels) for reading in _READINGS}
    best, second = sorted(prices, key=prices.__getitem__)[:2]
    if best == label:
        return label
    margin = prices[second] - prices[best]
    if prices[label] >= _NOISY and margin >= _MARGIN:
        return best
    clipped = (
        prices[label] >= _CLIPPED_NOISY
        and margin >= _CLIPPED_MARGIN
        and _predictability(blocks, best, channels) >= _PREDICTABLE
        and _predictability(blocks, label, channels) < _UNPREDICTABLE
    )
    return best if clipped else label


def _relabelled(media_type: MediaType, name: str) -> MediaType:
    """Another type with the same parameters; the rate is written out, as G.711 may leave it to a default."""
    parameters = media_type.parameters
    if "rate" not in dict(parameters):
        parameters = (("rate", str(media_type.rate)), *parameters)
    return MediaType(name, parameters)


def _spread(rows: NDArray[np.int32], most: int) -> NDArray[np.int32]:
    """Take no more than so many rows, from everywhere."""
    return rows if len(rows) <= most else rows[np.arange(most) * len(rows) // most]


def _values(blocks: NDArray[np.uint8], reading: str) -> NDArray[np.float32]:
    """The blocks as this reading understands them, shape (blocks, samples), the channels' samples in turn."""
    law = _LAWS.get(reading)
    return blocks.view(_LINEAR[reading]).astype(np.float32) if law is None else _meanings(law).take(blocks)


def _samples(blocks: NDArray[np.uint8], reading: str, channels: int) -> NDArray[np.float64]:
    """The same, shape (blocks, frames, channels)."""
    return _values(blocks, reading).astype(np.float64).reshape(len(blocks), -1, channels)


def _quick_prices(audio: bytes, channels: int) -> tuple[NDArray[np.int32], dict[str, float]]:
    """Blocks in which something happens, and what some of them cost.

    Returns:
        The numbers of the blocks, and bits per byte of each reading, predicting each sample by none, one or two before
        it, as is best for a block; 0 where there is no such block.
    """
    meanings, widths = _by_law()
    bits, busy = np.empty(len(_READINGS)), np.empty(_CANDIDATES, np.int32)
    found = lib.reading_prices(
        ffi.from_buffer("uint8_t[]", audio),
        len(audio) // _BLOCK,
        _CANDIDATES,
        _QUICK,
        channels,
        ffi.from_buffer("float[]", meanings),
        ffi.from_buffer("float[]", widths),
        ffi.from_buffer("int32_t[]", busy),
        ffi.from_buffer("double[]", bits),
    )
    return busy[:found], dict(zip(_READINGS, bits.tolist(), strict=True))


def _price(blocks: NDArray[np.uint8], reading: str, channels: int) -> float:
    """Bits per byte, with linear prediction as well, and the choice to send popular values by number."""
    samples = _samples(blocks, reading, channels)
    present, past = _history(samples)
    errors = np.abs(
        [
            present,
            present - past[0],
            present + past[0],  # a tone near half the sampling rate, whose sign changes all the time
            present - 2 * past[0] + past[1],
            present - _predicted(present, past),
        ]
    )
    widths = _widths(blocks, reading)[:, :: _sample_bytes(reading)].reshape(samples.shape)[:, _ORDER:]
    plain = _bits(errors.mean(axis=2).min(axis=0), widths.mean(axis=1)).mean()

    best = plain
    for width in {_sample_bytes(reading), 2}:
        popular, numbering = _popular(blocks, width)
        rare = ~np.repeat(popular, width // _sample_bytes(reading)).reshape(samples.shape)[:, _ORDER:]
        count = rare.sum(axis=1)
        divisor = np.maximum(count, 1)
        error = (errors * rare).sum(axis=2).min(axis=0) / divisor
        sent = (_bits(error, (widths * rare).sum(axis=1) / divisor) * count).sum() / rare.size
        best = min(best, sent + numbering * _sample_bytes(reading))
    return float(best) / _sample_bytes(reading)


def _history(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """The samples that have enough others before them in their block, and those others, the latest first."""
    return samples[:, _ORDER:], [samples[:, _ORDER - back : -back] for back in range(1, _ORDER + 1)]


def _predicted(present: NDArray[np.float64], past: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The best linear prediction of all samples from those before, by least squares (covariance method)."""
    history = np.stack([lag.reshape(-1) for lag in past], axis=1)
    covariance = history.T @ history
    # Noise far below one step: keeps silence and pure tones, whose covariance has no inverse, solvable.
    covariance += np.eye(_ORDER) * (1e-9 * np.trace(covariance) + 1e-3)
    weights = np.linalg.solve(covariance, history.T @ present.reshape(-1))
    predicted: NDArray[np.float64] = (history @ weights).reshape(present.shape)
    return predicted


def _predictability(blocks: NDArray[np.uint8], reading: str, channels: int) -> float:
    """Bits per sample that linear prediction saves, of all samples alike; 0 for white noise, clipped or not."""
    samples = _samples(blocks, reading, channels)
    present, past = _history(samples - samples.mean())
    error = present - _predicted(present, past)
    return 0.5 * float(np.log2((np.square(present).sum() + 1) / (np.square(error).sum() + 1)))


def _popular(blocks: NDArray[np.uint8], width: int) -> tuple[NDArray[np.bool_], float]:
    """Which values of this many bytes are among the few frequent ones, and the bits per byte to say which one, if any.

    The price of a square wave, a clipped signal or a sparse one: all its readings have equally few values. Of G.711,
    pairs are values as well, as they are when it is read as linear: a pair is one where a channel is silent, for one.
    """
    values = blocks.reshape(-1) if width == 1 else blocks.reshape(-1).view(np.uint16)
    counts = np.bincount(values, minlength=1 << (8 * width))
    frequent = counts > max(len(values) / _POPULAR, 2)
    shares = np.append(counts[frequent], counts[~frequent].sum()) / len(values)
    shares = shares[shares > 0]
    return frequent[values], float(-(shares * np.log2(shares)).sum()) / width


def _bits(error: NDArray[np.floating], width: NDArray[np.floating]) -> NDArray[np.floating]:
    """Bits per sample for Laplacian errors of this mean size, sent to the precision of 2 to the `width`.

    The entropy of a Laplacian variable, log2(2e * size), made to end at zero where nothing is left to send.
    """
    bits: NDArray[np.floating] = np.log2(1 + 2 * np.e * error * np.exp2(-width))
    return bits


def _widths(blocks: NDArray[np.uint8], reading: str) -> NDArray[np.float32]:
    """Width of each sample's quantisation step, as a logarithm to base 2."""
    law = _LAWS.get(reading)
    return np.zeros(blocks.shape, np.float32) if law is None else _step_widths(law).take(blocks)


@cache
def _by_law() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sample and width of each G.711 code, shape (laws, codes)."""
    laws = [_LAWS[reading] for reading in _READINGS if reading in _LAWS]
    return np.array([_meanings(law) for law in laws]), np.array([_step_widths(law) for law in laws])


@cache
def _meanings(law: g711.Law) -> NDArray[np.float32]:
    """The sample of each G.711 code."""
    return g711.decode(np.arange(256, dtype=np.uint8), law).astype(np.float32)


@cache
def _step_widths(law: g711.Law) -> NDArray[np.float32]:
    """Log2 of the distance between neighbouring values, by G.711 code."""
    samples = g711.decode(np.arange(256, dtype=np.uint8), law)
    levels = np.unique(samples)
    widths = np.gradient(levels.astype(np.float64))
    logarithms: NDArray[np.float32] = np.log2(widths[np.searchsorted(levels, samples)]).astype(np.float32)
    return logarithms


def _sample_bytes(reading: str) -> int:
    return 1 if reading in _LAWS else 2
