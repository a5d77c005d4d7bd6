#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"
#include "loop.h"

enum { GROUP = 4, TONES = 2 * GROUP }; /* tones of one group, and of both */

static const double FULL_CIRCLE = 6.283185307179586;
/* Smallest share of power in both tones: 1633 Hz that is 1.5 % off has 0.73; at 0.65, speech in four prompts passes. */
static const float PURITY = 0.72f;
static const float WEAKEST = 1.58489319e-5f; /* -48 dBFS per tone: quieter than any usable digit on a line */
static const float TWIST = 16;               /* 12 dB between the tones: generous, as a false digit costs little */
static const double TOLERANCE = 0.025; /* between the 1.5 % that receivers accept and the 3.5 % that they refuse */

/* A window of two neighbouring blocks: complex amplitudes of the tones, the strongest tone of each group, the total
   power, and whether it has two of the tones and little else. */
typedef struct {
  float real[TONES], imaginary[TONES], total;
  int low, high, pure;
} window;

LOOP static void squares(const float *block, const float *weights, int hop, float *sums) {
  float first = 0, second = 0;
#pragma omp simd reduction(+ : first, second)
  for (int sample = 0; sample < hop; sample++) {
    float square = block[sample] * block[sample];
    first += square * weights[sample];
    second += square * weights[hop + sample];
  }
  sums[0] = first;
  sums[1] = second;
}

static int strongest(const float *power) {
  int most = 0;
  for (int tone = 1; tone < GROUP; tone++)
    if (power[tone] > power[most]) most = tone;
  return most;
}

static window analyse(const float *first, const float *second, float total) {
  window found = {.total = total};
  float power[TONES];
  for (int tone = 0; tone < TONES; tone++) {
    float real = first[tone] + second[2 * TONES + tone];
    float imaginary = first[TONES + tone] + second[3 * TONES + tone];
    power[tone] = (real * real + imaginary * imaginary) / 2; /* of a sine with that amplitude */
    found.real[tone] = real;
    found.imaginary[tone] = imaginary;
  }
  found.low = strongest(power);
  found.high = GROUP + strongest(power + GROUP);
  float low = power[found.low], high = power[found.high];
  float weaker = smaller(low, high), stronger = larger(low, high);
  found.pure = low + high > PURITY * total && weaker > WEAKEST && stronger < TWIST * weaker;
  return found;
}

/* Whether the phase changes from one window to the next as at the tone's frequency, within the tolerance.

   Unambiguous within half a period per 10 ms (50 Hz); further away, too little power passes the window to be pure. */
static int in_tune(const window *before, const window *now, int tone, double hz, double seconds) {
  double change = atan2(now->imaginary[tone], now->real[tone]) - atan2(before->imaginary[tone], before->real[tone]);
  double error = remainder(change - FULL_CIRCLE * hz * seconds, FULL_CIRCLE);
  return fabs(error) / (FULL_CIRCLE * seconds) <= TOLERANCE * hz;
}

int find_digit(const float *amplitudes, const float *samples, int blocks, int hop, const float *weights,
               const double *tones, double seconds, double *energy) {
  window before = {.pure = 0};
  float here[2], next[2];
  int found = 0;
  if (blocks > 0) squares(samples, weights, hop, here);
  for (int block = 0; block < blocks - 1; block++, amplitudes += 4 * TONES) {
    samples += hop;
    squares(samples, weights, hop, next);
    window now = analyse(amplitudes, amplitudes + 4 * TONES, here[0] + next[1]);
    energy[0] += now.total;
    if (now.pure) energy[1] += now.total;
    found = found || (before.pure && now.pure && before.low == now.low && before.high == now.high &&
                      in_tune(&before, &now, now.low, tones[now.low], seconds) &&
                      in_tune(&before, &now, now.high, tones[now.high], seconds));
    before = now;
    memcpy(here, next, sizeof here);
  }
  return found;
}
