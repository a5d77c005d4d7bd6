"""Checks the label (media type) of raw audio against the signal, and corrects it.

Raw audio has no header, and labels are often wrong: G.711 is labelled as linear, byte orders are swapped, µ-law and
A-law are confused. Audio in the wrong interpretation is noise; in the right one it can be predicted. So the cost of
every interpretation ("reading") is computed: the bits that a simple predictor would need to transmit these bytes if
they had this meaning. All readings encode the same bytes, so their costs are comparable (minimum description length,
Rissanen 1978). A sample of G.711 costs less by the logarithm of its quantisation step, because a coarse value has less
information than a fine one. Level, smoothness and periodicity thus contribute to one figure.

A first, cheap estimate decides nearly every clip: the label's cost is the lowest by far. Otherwise a better predictor
decides. It changes the label only if the label's reading is noise and exactly one other reading is not. Signals with
too few different values (silence, square waves) cost almost nothing in every reading: the label is kept. In
hard-clipped speech only the few values that are not clipped have information, and the margin is narrow. There, the
other reading must also be predictable as a whole, which clipped noise is in no reading, and the label's reading must
not be.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from schemas import media_type as types
from schemas.media_type import MediaType
from streams.audio import g711
from streams.audio.containers.content import Content
from streams.native import ffi, lib

_READINGS = (types.L16, types.SLIN, types.PCMU, types.PCMA)
_LINEAR: dict[str, str] = {types.L16: ">i2", types.SLIN: "<i2"}
_LAWS: dict[str, g711.Law] = {types.PCMU: "pcmu", types.PCMA: "pcma"}

# Bytes per block, 8 to 16 ms at 8 kHz: level and predictability change from syllable to syllable.
_BLOCK: int = lib.PRICED_BLOCK
_CANDIDATES = 4096  # blocks of a long clip that are searched for content
_QUICK, _THOROUGH = 64, 128  # blocks whose cost is computed: half a second to a second of linear audio at 8 kHz
_FEWEST = 8  # blocks with content, 64 to 128 ms at 8 kHz; with fewer, the label is kept

# Thresholds in bits per byte. Among correctly labelled synthetic signals (tones, noise, clipping, square waves; mono
# and stereo) with a cost of 1.5 or more, none had another reading cheaper by more than 0.63, and among those above 2.5
# none by more than 0.33. A second of real speech in a wrong reading costs 5.6 or more, and 1.6 more than in the right
# one; real music costs 4.3, and 0.9 more. `scripts/bench analysis` prints the resulting corrections.
_NOISY = 2.4
_MARGIN = 0.75
_CLEAR = 0.5  # margin in the first, cheap estimate; only clipped speech has less

# Real speech with half of its samples clipped has a margin of 0.1 and a cost of 3.9, and in the right reading
# prediction saves 0.55 bits per sample or more. Among the synthetic signals with another reading cheaper by that
# margin, prediction saves at most 0.47 in that reading, or 3.9 or more in the label's own.
_CLIPPED_NOISY = 3.0
_CLIPPED_MARGIN = 0.1
_PREDICTABLE = 0.5
_UNPREDICTABLE = 1.2

_ORDER = 8  # order of the linear prediction: enough for four steady tones
_POPULAR = 64  # a value that makes up more than 1/64 of a clip is frequent, and coded by its index


def true_media_type(audio: Content, media_type: MediaType) -> MediaType:
    """Check the label of raw audio against its signal.

    Reads at most 16 KiB of the audio, from blocks with content. Pure and thread-safe.

    Args:
        audio: The bytes as sent; of any length, also one that the label does not allow.
        media_type: The sender's label. Types that are not raw are returned unchanged.

    Returns:
        The label itself, or the corrected type with the same rate (Hz), channels and other parameters. Read as G.711,
        bytes are twice as many samples as read as linear audio.
    """
    channels = media_type.channels
    if channels is None:
        return media_type
    searched = audio if isinstance(audio, bytes) else _candidates(audio)
    busy, costs = _quick_costs(searched, channels)
    if len(busy) < _FEWEST:
        return media_type
    if all(costs[media_type.type] + _CLEAR <= costs[other] for other in _READINGS if other != media_type.type):
        return media_type
    blocks = np.frombuffer(searched, np.uint8, len(searched) // _BLOCK * _BLOCK).reshape(-1, _BLOCK)
    best = _better_reading(blocks[_spread(busy, _THOROUGH)], media_type.type, channels)
    if best == media_type.type:
        return media_type
    corrected = _relabelled(media_type, best)
    return corrected if len(audio) % (corrected.frame_bytes or 1) == 0 else media_type


def _candidates(audio: Content) -> bytes:
    """The blocks that are searched for content, one behind the other: all of them, or some that are evenly spaced."""
    blocks = len(audio) // _BLOCK
    if blocks <= _CANDIDATES:
        return audio[: blocks * _BLOCK]
    starts = (number * blocks // _CANDIDATES * _BLOCK for number in range(_CANDIDATES))
    return b"".join(audio[start : start + _BLOCK] for start in starts)


def _better_reading(blocks: NDArray[np.uint8], label: str, channels: int) -> str:
    """Return the reading that is predictable where the label's is noise; the label itself if that is not certain."""
    costs = {reading: _cost(blocks, reading, channels) for reading in _READINGS}
    best, second = sorted(costs, key=costs.__getitem__)[:2]
    if best == label:
        return label
    margin = costs[second] - costs[best]
    if costs[label] >= _NOISY and margin >= _MARGIN:
        return best
    clipped = (
        costs[label] >= _CLIPPED_NOISY
        and margin >= _CLIPPED_MARGIN
        and _predictability(blocks, best, channels) >= _PREDICTABLE
        and _predictability(blocks, label, channels) < _UNPREDICTABLE
    )
    return best if clipped else label


def _relabelled(media_type: MediaType, name: str) -> MediaType:
    """Return another type with the same parameters; the rate is explicit, because for G.711 it may be a default."""
    parameters = media_type.parameters
    if "rate" not in dict(parameters):
        parameters = (("rate", str(media_type.rate)), *parameters)
    return MediaType(name, parameters)


def _spread(rows: NDArray[np.int32], most: int) -> NDArray[np.int32]:
    """Select at most ``most`` rows, evenly spaced."""
    return rows if len(rows) <= most else rows[np.arange(most) * len(rows) // most]


def _values(blocks: NDArray[np.uint8], reading: str) -> NDArray[np.float32]:
    """Samples of the blocks in this reading, shape (blocks, samples), channels interleaved."""
    law = _LAWS.get(reading)
    return blocks.view(_LINEAR[reading]).astype(np.float32) if law is None else _meanings(law).take(blocks)


def _samples(blocks: NDArray[np.uint8], reading: str, channels: int) -> NDArray[np.float64]:
    """Samples of the blocks in this reading, shape (blocks, frames, channels)."""
    return _values(blocks, reading).astype(np.float64).reshape(len(blocks), -1, channels)


def _quick_costs(audio: bytes, channels: int) -> tuple[NDArray[np.int32], dict[str, float]]:
    """Find the blocks with content, and estimate the cost of each reading from some of them.

    Returns:
        The indices of the blocks, and the cost of each reading in bits per byte; 0 where no block has content. Each
        sample is predicted from none, one or two preceding samples, whichever is best for the block.
    """
    meanings, widths = _by_law()
    bits, busy = np.empty(len(_READINGS)), np.empty(_CANDIDATES, np.int32)
    count = lib.reading_prices(
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
    return busy[:count], dict(zip(_READINGS, bits.tolist(), strict=True))


def _cost(blocks: NDArray[np.uint8], reading: str, channels: int) -> float:
    """Cost in bits per byte, with linear prediction as well, and the option to code frequent values by their index."""
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
        popular, index_bits = _popular(blocks, width)
        rare = ~np.repeat(popular, width // _sample_bytes(reading)).reshape(samples.shape)[:, _ORDER:]
        count = rare.sum(axis=1)
        divisor = np.maximum(count, 1)
        error = (errors * rare).sum(axis=2).min(axis=0) / divisor
        sent = (_bits(error, (widths * rare).sum(axis=1) / divisor) * count).sum() / rare.size
        best = min(best, sent + index_bits * _sample_bytes(reading))
    return float(best) / _sample_bytes(reading)


def _history(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """Samples with `_ORDER` predecessors in their block, and those predecessors, the latest first."""
    return samples[:, _ORDER:], [samples[:, _ORDER - back : -back] for back in range(1, _ORDER + 1)]


def _predicted(present: NDArray[np.float64], past: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Linear prediction of all samples from their predecessors, by least squares (covariance method)."""
    history = np.stack([lag.reshape(-1) for lag in past], axis=1)
    covariance = history.T @ history
    # Noise far below one quantisation step: the covariance of silence and pure tones would have no inverse.
    covariance += np.eye(_ORDER) * (1e-9 * np.trace(covariance) + 1e-3)
    weights = np.linalg.solve(covariance, history.T @ present.reshape(-1))
    predicted: NDArray[np.float64] = (history @ weights).reshape(present.shape)
    return predicted


def _predictability(blocks: NDArray[np.uint8], reading: str, channels: int) -> float:
    """Bits per sample that linear prediction saves over all samples; 0 for white noise, clipped or not."""
    samples = _samples(blocks, reading, channels)
    present, past = _history(samples - samples.mean())
    error = present - _predicted(present, past)
    return 0.5 * float(np.log2((np.square(present).sum() + 1) / (np.square(error).sum() + 1)))


def _popular(blocks: NDArray[np.uint8], width: int) -> tuple[NDArray[np.bool_], float]:
    """Mark the frequent values of ``width`` bytes, and compute the bits per byte of their index.

    It is the cost of a square wave, a clipped signal or a sparse one: they have equally few values in all readings. For
    G.711, pairs of bytes are values as well, as in the linear readings; with one silent channel, pairs repeat.

    Returns:
        Whether each value is frequent, and the bits per byte that say which frequent value it is, if any.
    """
    values = blocks.reshape(-1) if width == 1 else blocks.reshape(-1).view(np.uint16)
    counts = np.bincount(values, minlength=1 << (8 * width))
    frequent = counts > max(len(values) / _POPULAR, 2)
    shares = np.append(counts[frequent], counts[~frequent].sum()) / len(values)
    shares = shares[shares > 0]
    return frequent[values], float(-(shares * np.log2(shares)).sum()) / width


def _bits(error: NDArray[np.floating], width: NDArray[np.floating]) -> NDArray[np.floating]:
    """Bits per sample for Laplacian errors of this mean size, coded with a precision of 2 to the `width`.

    It is the entropy of a Laplacian variable, log2(2e * size), modified to reach zero at an error of zero.
    """
    bits: NDArray[np.floating] = np.log2(1 + 2 * np.e * error * np.exp2(-width))
    return bits


def _widths(blocks: NDArray[np.uint8], reading: str) -> NDArray[np.float32]:
    """Log2 of the quantisation step of each sample."""
    law = _LAWS.get(reading)
    return np.zeros(blocks.shape, np.float32) if law is None else _step_widths(law).take(blocks)


@cache
def _by_law() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sample and log2 of the quantisation step of each G.711 code, shape (laws, codes)."""
    laws = [_LAWS[reading] for reading in _READINGS if reading in _LAWS]
    return np.array([_meanings(law) for law in laws]), np.array([_step_widths(law) for law in laws])


@cache
def _meanings(law: g711.Law) -> NDArray[np.float32]:
    """The sample of each G.711 code."""
    return g711.decode(np.arange(256, dtype=np.uint8), law).astype(np.float32)


@cache
def _step_widths(law: g711.Law) -> NDArray[np.float32]:
    """Log2 of the quantisation step (the distance between neighbouring values) of each G.711 code."""
    samples = g711.decode(np.arange(256, dtype=np.uint8), law)
    levels = np.unique(samples)
    widths = np.gradient(levels.astype(np.float64))
    logarithms: NDArray[np.float32] = np.log2(widths[np.searchsorted(levels, samples)]).astype(np.float32)
    return logarithms


def _sample_bytes(reading: str) -> int:
    return 1 if reading in _LAWS else 2
