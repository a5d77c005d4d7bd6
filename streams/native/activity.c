#include <stddef.h>
#include <stdint.h>

#include "kernels.h"
#include "loop.h"

enum { HANGOVER = 2 }; /* frames before and after a loud one that belong to the sound: weak consonants */

static const float ABOVE_FLOOR = 8;      /* 9 dB: a steady background varies by half of that */
static const float ALWAYS_SILENT = 1e-6f; /* -60 dBFS: inaudible beside speech, whose level is near -20 dBFS in telephony */
static const float NEVER_SILENT = 1e-4f;  /* -40 dBFS: music and tones have no gaps, and are not background */

LOOP static float mean_square(const float *samples, int size, int channels) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int sample = 0; sample < size; sample++) sum += samples[sample * channels] * samples[sample * channels];
  return sum / size;
}

LOOP static float lowest(const float *values, int count) {
  float least = values[0];
#pragma omp simd reduction(min : least)
  for (int at = 1; at < count; at++) least = values[at] < least ? values[at] : least;
  return least;
}

int sounding_frames(const float *samples, int frames, int size, int channels, int around, float *power, double *mean) {
  for (int frame = 0; frame < frames; frame++, samples += size * channels) {
    power[frame] = 0;
    for (int channel = 0; channel < channels; channel++)
      power[frame] = larger(power[frame], mean_square(samples + channel, size, channels));
  }
  double all = 0, sum = 0;
  int loud = 0, sounding = 0, until = 0; /* frames before `until` are counted already */
  for (int frame = 0; frame < frames; frame++) {
    int from = frame < around ? 0 : frame - around, to = frame + around < frames ? frame + around : frames;
    float background = lowest(power + from, to - from);
    all += power[frame];
    if (power[frame] <= smaller(larger(background * ABOVE_FLOOR, ALWAYS_SILENT), NEVER_SILENT)) continue;
    sum += power[frame];
    loud++;
    int first = frame - HANGOVER > until ? frame - HANGOVER : until;
    until = frame + HANGOVER < frames ? frame + HANGOVER + 1 : frames;
    sounding += until - first;
  }
  *mean = loud ? sum / loud : all / frames;
  return frames > 2 * HANGOVER ? sounding : loud;
}
