#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"

/* Not vectorised for the processor at hand, as other loops are: sums would be rounded differently, and encoded bytes
   would depend on the processor. */
#define PLAIN_LOOP __attribute__((noinline))

PLAIN_LOOP static float product(const float *one, const float *other, int count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int at = 0; at < count; at++) sum += one[at] * other[at];
  return sum;
}

/* Takes one more coefficient into account: each error is reduced by what the other predicts of it. */
PLAIN_LOOP static void reflect(float *restrict forward, float *restrict backward, float coefficient, int count) {
#pragma omp simd
  for (int at = 0; at < count; at++) {
    float ahead = forward[at], behind = backward[at];
    forward[at] = ahead + coefficient * behind;
    backward[at] = behind + coefficient * ahead;
  }
}

/* Burg's method: predicts a sample as -(coefficients[0] * the sample before + coefficients[1] * ...). Returns the order,
   which is lower where the prediction is perfect. */
static int predictor(const float *samples, int known, int order, float *coefficients) {
  float errors[2][LONGEST_KNOWN], previous[HIGHEST_ORDER];
  float *forward = errors[0], *backward = errors[1];
  int count = known - 1;
  memcpy(forward, samples + 1, count * sizeof *samples);
  memcpy(backward, samples, count * sizeof *samples);
  for (int made = 0; made < order; made++, forward++, count--) {
    float power = product(forward, forward, count) + product(backward, backward, count);
    if (power <= 0) return made;
    float coefficient = -2 * product(forward, backward, count) / power;
    reflect(forward, backward, coefficient, count);
    memcpy(previous, coefficients, made * sizeof *coefficients);
    for (int at = 0; at < made; at++) coefficients[at] += coefficient * previous[made - 1 - at];
    coefficients[made] = coefficient;
  }
  return order;
}

static int16_t rounded(float sample) {
  return (int16_t)lrintf(fmaxf(INT16_MIN, fminf(INT16_MAX, sample)));
}

void extrapolate(int16_t *edge, int step, int known, int order, int count) {
  float samples[LONGEST_KNOWN], coefficients[HIGHEST_ORDER], latest[HIGHEST_ORDER + 1];
  for (int at = 0; at < known; at++) samples[known - 1 - at] = edge[at * step];
  order = predictor(samples, known, order, coefficients);
  for (int behind = 0; behind < order; behind++) latest[behind] = samples[known - 1 - behind];
  for (int made = 1; made <= count; made++) {
    float next = -product(coefficients, latest, order);
    memmove(latest + 1, latest, order * sizeof *latest);
    latest[0] = next;
    edge[-made * step] = rounded(next);
  }
}
