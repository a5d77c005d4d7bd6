#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"

/* A frame's header: sync, sizes and form in four bytes, the number as UTF-8 codes it, further sizes, and a checksum;
   a longer checksum ends the frame (RFC 9639, section 9). */
enum { FIXED_BYTES = 4, FOOTER = 2, LARGEST_ONE_BYTE = 0x7F, POLYNOMIAL_8 = 0x07, POLYNOMIAL_16 = 0x8005 };
/* Codes of a block size or a rate that is written out, in one or two bytes. */
enum { SIZE_8 = 6, SIZE_16 = 7, RATE_8 = 12, RATE_16 = 13, RATE_TENS_16 = 14 };

static uint8_t checksum_8(const uint8_t *bytes, size_t size) {
  uint8_t sum = 0;
  for (; size--; bytes++) {
    sum ^= *bytes;
    for (int bit = 0; bit < 8; bit++) sum = (uint8_t)(sum & 0x80 ? sum << 1 ^ POLYNOMIAL_8 : sum << 1);
  }
  return sum;
}

static void fill_table(uint16_t *table) {
  for (int value = 0; value < 256; value++) {
    uint16_t sum = (uint16_t)(value << 8);
    for (int bit = 0; bit < 8; bit++) sum = (uint16_t)(sum & 0x8000 ? sum << 1 ^ POLYNOMIAL_16 : sum << 1);
    table[value] = sum;
  }
}

static uint16_t checksum_16(const uint16_t *table, const uint8_t *bytes, size_t size) {
  uint16_t sum = 0;
  for (; size--; bytes++) sum = (uint16_t)(sum << 8 ^ table[sum >> 8 ^ *bytes]);
  return sum;
}

/* Bytes of a coded number, by its first byte: one more for each of its leading ones. */
static size_t coded_bytes(uint8_t first) {
  size_t bytes = 1;
  for (uint8_t mask = 0x40; first & 0x80 && first & mask; mask >>= 1) bytes++;
  return bytes;
}

static uint8_t *append_number(uint8_t *to, uint32_t number) {
  if (number <= LARGEST_ONE_BYTE) {
    *to++ = (uint8_t)number;
    return to;
  }
  int following = 1;
  while (number >> (5 * following + 6)) following++;
  *to++ = (uint8_t)(0xFF80 >> following | number >> 6 * following);
  while (following--) *to++ = (uint8_t)(0x80 | (number >> 6 * following & 0x3F));
  return to;
}

/* Bytes of the block size and the rate that follow the number. */
static size_t written_out(const uint8_t *header) {
  int size = header[2] >> 4, rate = header[2] & 0xF;
  size_t bytes = size == SIZE_8 ? 1 : size == SIZE_16 ? 2 : 0;
  return bytes + (rate == RATE_8 ? 1 : rate == RATE_16 || rate == RATE_TENS_16 ? 2 : 0);
}

uint64_t flac_renumber(const uint8_t *frames, const uint64_t *starts, uint32_t count, uint64_t size, uint32_t first,
                       uint8_t *renumbered, uint32_t *sizes) {
  uint16_t table[256];
  fill_table(table);
  uint8_t *to = renumbered;
  for (uint32_t number = 0; number < count; number++) {
    const uint8_t *frame = frames + starts[number], *begin = to;
    size_t length = (number + 1 < count ? starts[number + 1] : size) - starts[number];
    size_t after = FIXED_BYTES + coded_bytes(frame[FIXED_BYTES]), more = written_out(frame);
    memcpy(to, frame, FIXED_BYTES);
    to = append_number(to + FIXED_BYTES, first + number);
    memcpy(to, frame + after, more);
    to += more;
    *to = checksum_8(begin, (size_t)(to - begin));
    to++;
    size_t rest = length - after - more - 1 - FOOTER;
    memcpy(to, frame + after + more + 1, rest);
    to += rest;
    uint16_t sum = checksum_16(table, begin, (size_t)(to - begin));
    *to++ = (uint8_t)(sum >> 8);
    *to++ = (uint8_t)sum;
    sizes[number] = (uint32_t)(to - begin);
  }
  return (uint64_t)(to - renumbered);
}
