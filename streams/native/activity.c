#include <stddef.h>
#include <stdint.h>

#include "kernels.h"
#include "loop.h"

enum { HANGOVER = 2 }; /* frames before and after a loud one that belong to the sound: weak consonants */

static const double NEAR = 0.0631;        /* 12 dB below the mean level: syllables, and nothing behind them */
static const float ABOVE_FLOOR = 8;      /* 9 dB: a steady background varies by half of that */
static const float BESIDE_LOUDEST = 1e-5f; /* 50 dB below the loudest frame: inaudible beside it */
static const float LEAST = 1e-8f;          /* -80 dBFS, three steps of 16 bits: rounding, whatever the rest is */
static const float ALWAYS_SILENT = 1e-6f;  /* -60 dBFS: the line's noise, beside speech of a telephone's usual level */
static const float NEVER_SILENT = 1e-4f;  /* -40 dBFS: music and tones have no gaps, and are not background */

/* Around the mean: a recorder's offset (DC) is not heard, and Opus removes it. */
LOOP static float variance(const float *samples, int size, int channels) {
  float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum, squares)
  for (int sample = 0; sample < size; sample++) {
    float value = samples[sample * channels];
    sum += value;
    squares += value * value;
  }
  return larger((squares - sum * sum / size) / size, 0);
}

LOOP static float lowest(const float *values, int count) {
  float least = values[0];
#pragma omp simd reduction(min : least)
  for (int at = 1; at < count; at++) least = values[at] < least ? values[at] : least;
  return least;
}

int sounding_frames(const float *samples, int frames, int size, int channels, int around, float *power,
                    double *levels) {
  for (int frame = 0; frame < frames; frame++, samples += size * channels) {
    power[frame] = 0;
    for (int channel = 0; channel < channels; channel++)
      power[frame] = larger(power[frame], variance(samples + channel, size, channels));
  }
  return sounding_levels(power, frames, around, levels);
}

int sounding_levels(const float *power, int frames, int around, double *levels) {
  float loudest = 0;
  for (int frame = 0; frame < frames; frame++) loudest = larger(loudest, power[frame]);
  const float silent = smaller(larger(loudest * BESIDE_LOUDEST, LEAST), ALWAYS_SILENT);
  double all = 0, sum = 0, behind = 0;
  int loud = 0, sounding = 0, until = 0; /* frames before `until` are counted already */
  for (int frame = 0; frame < frames; frame++) {
    int from = frame < around ? 0 : frame - around, to = frame + around < frames ? frame + around : frames;
    float background = lowest(power + from, to - from);
    all += power[frame];
    if (power[frame] <= smaller(larger(background * ABOVE_FLOOR, silent), NEVER_SILENT)) continue;
    sum += power[frame];
    behind += background;
    loud++;
    int first = frame - HANGOVER > until ? frame - HANGOVER : until;
    until = frame + HANGOVER < frames ? frame + HANGOVER + 1 : frames;
    sounding += until - first;
  }
  levels[0] = loud ? sum / loud : all / frames;
  levels[1] = loud ? behind / loud : 0;
  int near = 0;
  for (int frame = 0; frame < frames; frame++) near += power[frame] > levels[0] * NEAR;
  levels[2] = (double)near / frames;
  return frames > 2 * HANGOVER ? sounding : loud;
}
