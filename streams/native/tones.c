#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"
#include "loop.h"

enum { SPREAD = 2 }; /* bins on each side over which a Hann window spreads a sine */
enum { LOWER, UPPER, TONES };

static const float TINY = 1.17549435e-38f; /* the smallest normal number */
static const float WEAKEST = 1e-5f;        /* -50 dBFS, -44 dBm0: fax receivers detect -43 dBm (T.30, V.27 ter) */
static const float BESIDE_LOUDEST = 1e-3f; /* 30 dB below the loudest frame: a pause */
static const float PURE = 0.95f;           /* share of power in one or two sines; 13 dB above everything else */
static const float STILL_HZ = 12;          /* largest change in 32 ms; the centre of a spoken vowel changes more */

static const float CNG_HZ = 1100, CNG_TOLERANCE_HZ = 45; /* T.30: 38 Hz on either side */
static const float CED_HZ = 2100, CED_TOLERANCE_HZ = 15; /* T.30 */

static const float V21_HZ[2][2] = {{980, 1180}, {1650, 1850}};
static const float V21_REACH_HZ = 100; /* keying at 300 bit/s spreads a tone by this much */
static const float V21_PURE = 0.9f, V21_WEAKER = 0.1f;

static const float CARRIER_WEAKEST = 3.16227766e-5f; /* -45 dBFS: below, a telephone line's noise has the same spectrum */
static const float CARRIER_HZ[2] = {200, 3750}; /* V.34 at 3200 symbols/s begins at 229 Hz, at 3429 it ends at 3674 */
static const float CARRIER_INSIDE = 0.985f;     /* share of power in the band; noise from 100 to 3700 Hz has 0.97 */

/* The strongest components of a frame: the share of its power around the strongest bin, and around the two strongest; the
   frequency of the strongest in bins. */
typedef struct {
  float first, both, pitch;
} sines;

/* The sum of a frame, and its spectral centre in bins. */
LOOP static void sums(const float *power, int bins, float *level, float *centre) {
  float sum = 0, weighted = 0;
#pragma omp simd reduction(+ : sum, weighted)
  for (int bin = 0; bin < bins; bin++) {
    sum += power[bin];
    weighted += power[bin] * (bin + 1);
  }
  *level = sum;
  *centre = weighted / larger(sum, TINY);
}

LOOP static int strongest(const float *power, int bins) {
  float most = power[0];
#pragma omp simd reduction(max : most)
  for (int bin = 1; bin < bins; bin++) most = power[bin] > most ? power[bin] : most;
  int at = 0;
  while (at < bins - 1 && power[at] != most) at++;
  return at;
}

static sines strongest_sines(const float *power, int bins, float level) {
  float left[bins], around[2] = {0, 0}, lean = 0;
  sines found = {0};
  memcpy(left, power, sizeof left);
  for (int sine = 0; sine < 2; sine++) {
    int at = strongest(left, bins);
    int from = at < SPREAD ? 0 : at - SPREAD, to = at + SPREAD < bins ? at + SPREAD : bins - 1;
    for (int bin = from; bin <= to; bin++) {
      around[sine] += left[bin];
      if (!sine) lean += left[bin] * (bin - at);
      left[bin] = 0;
    }
    if (!sine) found.pitch = at + 1 + lean / around[0];
  }
  found.first = around[0] / level;
  found.both = (around[0] + around[1]) / level;
  return found;
}

/* The bins of a band: from the first one at `low` or above to the last one below `high`. */
typedef struct {
  int first, count;
} band;

static int bin_at(float frequency, float bin_hz, int bins) {
  int bin = 0;
  while (bin < bins && (bin + 1) * bin_hz < frequency) bin++;
  return bin;
}

static band between(float low, float high, float bin_hz, int bins) {
  int first = bin_at(low, bin_hz, bins);
  return (band){first, bin_at(high, bin_hz, bins) - first};
}

/* The bands of the two tones of a frequency-shift keying, including their spread. */
static void channel_bands(const float tones[2], float bin_hz, int bins, band *bands) {
  float middle = (tones[LOWER] + tones[UPPER]) / 2;
  bands[LOWER] = between(tones[LOWER] - V21_REACH_HZ, middle, bin_hz, bins);
  bands[UPPER] = between(middle, tones[UPPER] + V21_REACH_HZ, bin_hz, bins);
}

LOOP static float inside(const float *power, band of) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int bin = of.first; bin < of.first + of.count; bin++) sum += power[bin];
  return sum;
}

/* Whether the frame consists of both tones of a frequency-shift keying, or of a single one between them. */
static int keyed(const float *power, const band *bands, float level) {
  float lower = inside(power, bands[LOWER]), upper = inside(power, bands[UPPER]);
  return lower + upper > V21_PURE * level && smaller(lower, upper) > V21_WEAKER * level;
}

static int near(float frequency, float tone, float tolerance) { return fabsf(frequency - tone) <= tolerance; }

void mark_tones(const float *power, int frames, int bins, float bin_hz, float *level, float *centre, uint8_t *marks,
                int32_t *longest) {
  float loudest = 0;
  for (int frame = 0; frame < frames; frame++) {
    sums(power + (size_t)frame * bins, bins, level + frame, centre + frame);
    centre[frame] *= bin_hz;
    loudest = larger(loudest, level[frame]);
  }
  float loud = larger(WEAKEST, loudest * BESIDE_LOUDEST);
  band low[TONES], high[TONES], carrier = between(CARRIER_HZ[0], CARRIER_HZ[1], bin_hz, bins);
  channel_bands(V21_HZ[0], bin_hz, bins, low);
  channel_bands(V21_HZ[1], bin_hz, bins, high);
  int32_t lasts[MARKS] = {0};
  int was_pure = 0;
  memset(longest, 0, sizeof lasts);
  for (int frame = 0; frame < frames; frame++, power += bins) {
    int is_loud = level[frame] > loud;
    sines found = {0};
    if (is_loud) found = strongest_sines(power, bins, level[frame]);
    float pitch = found.pitch * bin_hz;
    int is_pure = found.both > PURE, alone = found.first > PURE; /* both are 0 in frames that are not loud */
    int is_still = is_pure && was_pure && fabsf(centre[frame] - centre[frame - 1]) < STILL_HZ;
    int is[MARKS] = {
        [LOUD] = is_loud,
        [STILL] = is_still,
        [CNG] = alone && is_still && near(pitch, CNG_HZ, CNG_TOLERANCE_HZ),
        [CED] = alone && near(pitch, CED_HZ, CED_TOLERANCE_HZ),
        [V21_LOW] = is_loud && !alone && keyed(power, low, level[frame]),
        [V21_HIGH] = is_loud && !alone && keyed(power, high, level[frame]),
        [CARRIER] = is_loud && level[frame] > CARRIER_WEAKEST && inside(power, carrier) > CARRIER_INSIDE * level[frame],
    };
    marks[frame] = 0;
    for (int mark = 0; mark < MARKS; mark++) {
      marks[frame] |= is[mark] << mark;
      lasts[mark] = is[mark] ? lasts[mark] + 1 : 0;
      if (lasts[mark] > longest[mark]) longest[mark] = lasts[mark];
    }
    was_pure = is_pure;
  }
}
