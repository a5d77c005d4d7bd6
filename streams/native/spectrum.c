#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"
#include "loop.h"

enum { SPREAD = 2 };        /* bins on each side that a Hann window gives a sine */
enum { PARTIAL_SIDE = 3 };  /* bins of 16 Hz: a Hann window's main lobe ends at two, the next harmonic is at five or more */
enum { SHORT = 3, LONG = 8, KEPT = 4 }; /* frames that are compared */

/* Unlike C's own, one instruction: nothing here is not a number. */
static inline float max(float one, float other) { return one > other ? one : other; }

static const float TINY = 1.17549435e-38f; /* the smallest normal number */
static const float EPSILON = 1e-12f;
static const float PROMINENT = 6; /* 8 dB above the spectrum 47 Hz to either side: a partial, not a bump of noise */

LOOP static int strongest(const float *power, int bins) {
  float most = power[0];
#pragma omp simd reduction(max : most)
  for (int bin = 1; bin < bins; bin++) most = power[bin] > most ? power[bin] : most;
  int at = 0;
  while (at < bins - 1 && power[at] != most) at++;
  return at;
}

void strongest_sines(const float *power, const float *level, int frames, int bins, float *first, float *both,
                     float *pitch, float *centre) {
  float frame_power[bins];
  for (int frame = 0; frame < frames; frame++, power += bins) {
    float total = max(level[frame], TINY), moment = 0;
#pragma omp simd reduction(+ : moment)
    for (int bin = 0; bin < bins; bin++) moment += power[bin] * (bin + 1);
    centre[frame] = moment / total;
    memcpy(frame_power, power, sizeof frame_power);
    float inside[2] = {0, 0}, lean = 0;
    for (int sine = 0; sine < 2; sine++) {
      int at = strongest(frame_power, bins);
      int from = at < SPREAD ? 0 : at - SPREAD, to = at + SPREAD < bins ? at + SPREAD : bins - 1;
      for (int bin = from; bin <= to; bin++) {
        inside[sine] += frame_power[bin];
        if (!sine) lean += frame_power[bin] * (bin - at);
        frame_power[bin] = 0;
      }
      if (!sine) pitch[frame] = at + 1 + lean / max(inside[0], 1e-30f);
    }
    first[frame] = inside[0] / total;
    both[frame] = (inside[0] + inside[1]) / total;
  }
}

/* Sums over the frame's bins; its amplitudes, and those alone where a partial stands out. */
LOOP static void look(const float *power, int bins, float *level, float *centre, float *amplitudes, float *partials) {
  float sum = 0, moment = 0;
#pragma omp simd reduction(+ : sum, moment)
  for (int bin = 0; bin < bins; bin++) {
    float value = power[bin] + EPSILON;
    sum += value;
    moment += value * (bin + 1);
    amplitudes[bin] = sqrtf(value);
    partials[bin] = 0;
  }
  *level = sum;
  *centre = moment / sum;
#pragma omp simd
  for (int bin = PARTIAL_SIDE; bin < bins - PARTIAL_SIDE; bin++) {
    float value = power[bin] + EPSILON;
    float beside = max(power[bin - PARTIAL_SIDE], power[bin + PARTIAL_SIDE]) + EPSILON;
    float next = max(power[bin - 1], power[bin + 1]) + EPSILON;
    partials[bin] = (value > PROMINENT * beside) & (value >= next) ? amplitudes[bin] : 0;
  }
}

LOOP static float product(const float *one, const float *other, int bins) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int bin = 0; bin < bins; bin++) sum += one[bin] * other[bin];
  return sum;
}

/* Adds how many partials there are, and how many of them were there before. */
LOOP static void count(const float *now, const float *before, int bins, double *counts) {
  float found = 0, still = 0;
#pragma omp simd reduction(+ : found, still)
  for (int bin = 0; bin < bins; bin++) {
    float there = now[bin] > 0 ? 1.0f : 0.0f, was_there = before[bin] > 0 ? there : 0.0f;
    found += there;
    still += was_there;
  }
  counts[0] += found;
  counts[1] += still;
}

void spectral_change(const float *power, int frames, int bins, float *level, float *centre, float *likeness,
                     double *partials, float *working) {
  float *amplitudes = working, *prominent = working + (size_t)frames * bins;
  for (int sum = 0; sum < 5; sum++) partials[sum] = 0;
  for (int frame = 0; frame < frames; frame++, power += bins, amplitudes += bins, prominent += bins) {
    look(power, bins, level + frame, centre + frame, amplitudes, prominent);
    for (int which = 0; which < 2; which++) {
      int lag = which ? LONG : SHORT;
      if (frame >= lag)
        likeness[which * frames + frame] =
            product(amplitudes, amplitudes - lag * bins, bins) / (sqrtf(level[frame]) * sqrtf(level[frame - lag]));
    }
    if (frame >= KEPT) {
      const float *earlier = prominent - KEPT * bins;
      partials[0] += product(prominent, earlier, bins);
      partials[1] += product(prominent, prominent, bins);
      partials[2] += product(earlier, earlier, bins);
    }
    if (frame >= LONG) count(prominent, prominent - LONG * bins, bins, partials + 3);
  }
}
