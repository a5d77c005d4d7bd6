#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels.h"
#include "loop.h"

enum { SIDE = 3 }; /* bins of 16 Hz: a Hann window's main lobe ends at two, the next harmonic is at five or more */
enum { SHORT = 3, LONG = 8, KEPT = 4, HELD = LONG + 1 }; /* distances of compared frames, and frames in memory */

static const float EPSILON = 1e-12f;       /* added to all power, so that silence can be compared */
static const float PROMINENT = 6;          /* 8 dB above the spectrum 47 Hz away on both sides: a partial, not noise */
static const float ACTIVE = 1e-3f;         /* 30 dB below the loudest frame: quieter ones are pauses */
static const double FAR_BELOW = 0.3;       /* 5 dB below the mean */
static const double LARGEST_JUMP_DB = 20;

/* Sums over partials: products and squares of the compared amplitudes; the number of partials, and how many of them were
   there before. */
typedef struct {
  double products, later, earlier, there, before;
} partials;

/* Computes a frame's sum, spectral centre and amplitudes, and the amplitudes of its partials (0 in other bins). */
LOOP static void look(const float *power, int bins, float *level, float *centre, float *amplitudes, float *prominent) {
  float sum = 0, moment = 0;
#pragma omp simd reduction(+ : sum, moment)
  for (int bin = 0; bin < bins; bin++) {
    float value = power[bin] + EPSILON;
    sum += value;
    moment += value * (bin + 1);
    amplitudes[bin] = sqrtf(value);
    prominent[bin] = 0;
  }
  *level = sum;
  *centre = moment / sum;
#pragma omp simd
  for (int bin = SIDE; bin < bins - SIDE; bin++) {
    float value = power[bin] + EPSILON;
    float beside = larger(power[bin - SIDE], power[bin + SIDE]) + EPSILON;
    float next = larger(power[bin - 1], power[bin + 1]) + EPSILON;
    prominent[bin] = (value > PROMINENT * beside) & (value >= next) ? amplitudes[bin] : 0;
  }
}

LOOP static float product(const float *one, const float *other, int bins) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int bin = 0; bin < bins; bin++) sum += one[bin] * other[bin];
  return sum;
}

LOOP static void count(const float *now, const float *before, int bins, partials *found) {
  float there = 0, still = 0;
#pragma omp simd reduction(+ : there, still)
  for (int bin = 0; bin < bins; bin++) {
    float is = now[bin] > 0 ? 1.0f : 0.0f;
    there += is;
    still += before[bin] > 0 ? is : 0.0f;
  }
  found->there += there;
  found->before += still;
}

/* Mean similarity of frames `lag` apart, where both are active; 0 if there are none. */
static double mean_likeness(const float *likeness, const float *level, int frames, int lag, float active) {
  double sum = 0;
  int both = 0;
  for (int frame = lag; frame < frames; frame++)
    if (level[frame] > active && level[frame - lag] > active) {
      sum += likeness[frame];
      both++;
    }
  return both ? sum / both : 0;
}

static double mean_jump(const float *level, int frames) {
  double sum = 0;
  for (int frame = 1; frame < frames; frame++)
    sum += fmin(fabs(10 * log10((double)level[frame] / level[frame - 1])), LARGEST_JUMP_DB);
  return sum / (frames - 1);
}

/* Standard deviation, in octaves, of the centre of active frames. */
static double variation(const float *centre, const float *level, int frames, float active) {
  double octaves[frames], sum = 0, squares = 0;
  int found = 0;
  for (int frame = 0; frame < frames; frame++)
    if (level[frame] > active) sum += octaves[found++] = log2(centre[frame]);
  for (int frame = 0; frame < found; frame++) squares += pow(octaves[frame] - sum / found, 2);
  return sqrt(squares / found);
}

/* Share of frames far below the mean level. */
static double pauses(const float *level, int frames) {
  double sum = 0;
  int below = 0;
  for (int frame = 0; frame < frames; frame++) sum += level[frame];
  for (int frame = 0; frame < frames; frame++) below += level[frame] < FAR_BELOW * sum / frames;
  return (double)below / frames;
}

void music_features(const float *power, int frames, int bins, double *features) {
  float amplitudes[HELD][bins], prominent[HELD][bins];
  float level[frames], centre[frames], recent[frames], remote[frames], loudest = 0;
  partials found = {0, 0, 0, 0, 0};
  for (int frame = 0; frame < frames; frame++, power += bins) {
    float *now = amplitudes[frame % HELD], *standing = prominent[frame % HELD];
    look(power, bins, level + frame, centre + frame, now, standing);
    loudest = larger(loudest, level[frame]);
    if (frame >= SHORT)
      recent[frame] = product(now, amplitudes[(frame - SHORT) % HELD], bins) /
                      (sqrtf(level[frame]) * sqrtf(level[frame - SHORT]));
    if (frame >= KEPT) {
      const float *earlier = prominent[(frame - KEPT) % HELD];
      found.products += product(standing, earlier, bins);
      found.later += product(standing, standing, bins);
      found.earlier += product(earlier, earlier, bins);
    }
    if (frame >= LONG) {
      remote[frame] = product(now, amplitudes[(frame - LONG) % HELD], bins) /
                      (sqrtf(level[frame]) * sqrtf(level[frame - LONG]));
      count(standing, prominent[(frame - LONG) % HELD], bins, &found);
    }
  }
  float active = loudest * ACTIVE;
  features[0] = pauses(level, frames);
  features[1] = mean_likeness(recent, level, frames, SHORT, active);
  features[2] = mean_likeness(remote, level, frames, LONG, active);
  features[3] = variation(centre, level, frames, active);
  features[4] = mean_jump(level, frames);
  features[5] = found.products / sqrt(found.later * found.earlier + 1e-20);
  features[6] = found.before / fmax(1, found.there);
}
