#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"
#include "loop.h"

enum { READINGS = 4, LINEAR = 2, CODES = 256 };

static const float TWICE_E = 5.43656365691809f;

/* The index of element `number` when `most` elements are selected from `count`, evenly spaced. */
static int spread(int number, int count, int most) {
  return count > most ? (int)((int64_t)number * count / most) : number;
}

static int is_busy(const uint8_t *block) {
  uint64_t words[PRICED_BLOCK / 8], differences = 0;
  memcpy(words, block, sizeof words);
  for (int word = 1; word < PRICED_BLOCK / 8; word++) differences |= words[word] ^ words[0];
  return differences != 0;
}

/* The smallest mean error of one channel among predictors of order 0, 1 and 2. */
LOOP static float smallest_error(const float *samples, int frames, int channels) {
  float values = 0, slopes = 0, bends = 0;
#pragma omp simd reduction(+ : values, slopes, bends)
  for (int frame = 0; frame < frames - 2; frame++) {
    float now = samples[frame * channels], next = samples[(frame + 1) * channels];
    float slope = next - now, after = samples[(frame + 2) * channels] - next;
    values += fabsf(now);
    slopes += fabsf(slope);
    bends += fabsf(after - slope);
  }
  float last = samples[(frames - 1) * channels], before = samples[(frames - 2) * channels];
  values = (values + fabsf(before) + fabsf(last)) / frames;
  slopes = (slopes + fabsf(last - before)) / (frames - 1);
  bends /= frames - 2;
  return smaller(values, smaller(slopes, bends));
}

/* Bits per sample for Laplacian errors of this mean size, coded with a precision of 2 to the `width`. */
static float bits_of(float error, float width) { return log2f(1 + TWICE_E * error * exp2f(-width)); }

static void read_linear(const uint8_t *block, float *big_endian, float *little_endian) {
  for (int sample = 0; sample < PRICED_BLOCK / 2; sample++) {
    uint8_t first = block[2 * sample], second = block[2 * sample + 1];
    big_endian[sample] = (int16_t)(uint16_t)(first << 8 | second);
    little_endian[sample] = (int16_t)(uint16_t)(second << 8 | first);
  }
}

/* Adds the cost of one block in each reading, in bits. */
static void add_costs(const uint8_t *block, int channels, const float *meanings, const float *widths, double *bits) {
  float samples[READINGS][PRICED_BLOCK];
  read_linear(block, samples[0], samples[1]);
  for (int reading = 0; reading < READINGS; reading++) {
    int length = reading < LINEAR ? PRICED_BLOCK / 2 : PRICED_BLOCK;
    float width = 0;
    if (reading >= LINEAR) {
      const float *meaning = meanings + (reading - LINEAR) * CODES, *step = widths + (reading - LINEAR) * CODES;
      for (int byte = 0; byte < PRICED_BLOCK; byte++) {
        samples[reading][byte] = meaning[block[byte]];
        width += step[block[byte]];
      }
    }
    for (int channel = 0; channel < channels; channel++)
      bits[reading] +=
          bits_of(smallest_error(samples[reading] + channel, length / channels, channels), width / PRICED_BLOCK);
  }
}

int reading_prices(const uint8_t *audio, int blocks, int candidates, int most, int channels, const float *meanings,
                   const float *widths, int32_t *busy, double *bits) {
  int found = 0;
  for (int number = 0; number < candidates && number < blocks; number++) {
    int block = spread(number, blocks, candidates);
    if (is_busy(audio + (size_t)block * PRICED_BLOCK)) busy[found++] = block;
  }
  for (int reading = 0; reading < READINGS; reading++) bits[reading] = 0;
  int count = found < most ? found : most;
  for (int number = 0; number < count; number++)
    add_costs(audio + (size_t)busy[spread(number, found, most)] * PRICED_BLOCK, channels, meanings, widths, bits);
  for (int reading = 0; count && reading < READINGS; reading++)
    bits[reading] /= (double)count * channels * (reading < LINEAR ? 2 : 1);
  return found;
}
