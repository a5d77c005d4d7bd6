#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"
#include "loop.h"

enum { GROUP = 4, TONES = 2 * GROUP }; /* tones of the low group, and of both */

static const double TURN = 6.283185307179586;
static const float PURITY = 0.72f; /* of power in both tones: 0.73 for 1633 Hz 1.5 % off; at 0.65 four prompts talk off */
static const float WEAKEST = 1.58489319e-5f; /* -48 dBFS each: quieter than any digit that a line delivers usably */
static const float TWIST = 16;               /* 12 dB between the tones: lossless care for a doubtful digit costs little */
static const double TOLERANCE = 0.025; /* between the 1.5 % that receivers accept and the 3.5 % that they refuse */

/* Two neighbouring blocks: complex amplitudes of the tones, the strongest of each group, the power of everything, and
   whether two of the tones sound and little else. */
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

static window look(const float *first, const float *second, float total) {
  window found = {.total = total};
  float power[TONES];
  for (int tone = 0; tone < TONES; tone++) {
    float real = first[tone] + second[2 * TONES + tone];
    float imaginary = first[TONES + tone] + second[3 * TONES + tone];
    power[tone] = (real * real + imaginary * imaginary) / 2; /* of a sine of that amplitude */
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

/* Whether the phase moves from one window to the next as it does at the tone's frequency.

   Unambiguous within half a turn per 10 ms, 50 Hz; further away the window passes too little to count as pure. */
static int in_tune(const window *before, const window *now, int tone, double hz, double seconds) {
  double turned = atan2(now->imaginary[tone], now->real[tone]) - atan2(before->imaginary[tone], before->real[tone]);
  return fabs(remainder(turned - TURN * hz * seconds, TURN)) / (TURN * seconds) <= TOLERANCE * hz;
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
    window now = look(amplitudes, amplitudes + 4 * TONES, here[0] + next[1]);
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
