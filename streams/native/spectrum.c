#include <stddef.h>
#include <stdint.h>

#include "kernels.h"
#include "loop.h"

enum { FIRST_HEARD = 2 }; /* through a Hann window, a recorder's offset (0 Hz) has all of its power in bins 0 and 1 */

LOOP static void square(const float *transformed, int bins, float *squares, double *sums) {
  for (int bin = 0; bin < FIRST_HEARD && bin < bins; bin++) squares[bin] = 0;
#pragma omp simd
  for (int bin = FIRST_HEARD; bin < bins; bin++) {
    float real = transformed[2 * bin], imaginary = transformed[2 * bin + 1];
    squares[bin] = real * real + imaginary * imaginary;
  }
#pragma omp simd
  for (int bin = 0; bin < bins; bin++) sums[bin] += squares[bin];
}

void power_spectrum(const float *transformed, int frames, int bins, int kept, float *power, double *sums) {
  float squares[bins];
  for (int frame = 0; frame < frames; frame++, transformed += 2 * bins, power += kept) {
    square(transformed, bins, squares, sums);
    for (int bin = 0; bin < kept; bin++) power[bin] = squares[bin + 1];
  }
}

int highest_band(const double *power, int bins, int width, double share, double least) {
  double loudest = 0;
  int highest = 0;
  for (int pass = 0; pass < 2; pass++) /* first the loudest band, then the bands that are loud enough relative to it */
    for (int band = 0, from = 0; from < bins; band++, from += width) {
      double inside = 0;
      for (int bin = from; bin < bins && bin < from + width; bin++) inside += power[bin];
      if (!pass && inside > loudest) loudest = inside;
      if (pass && inside > loudest * share && inside > least) highest = band + 1;
    }
  return highest;
}
