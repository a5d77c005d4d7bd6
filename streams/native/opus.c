#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "kernels.h"

/* Requests of opus_defines.h. */
enum {
  SET_BITRATE = 4002,
  SET_MAX_BANDWIDTH = 4004,
  SET_COMPLEXITY = 4010,
  SET_DTX = 4016,
  SET_VBR_CONSTRAINT = 4020,
  SET_FORCE_CHANNELS = 4022,
  GET_LOOKAHEAD = 4027
};

/* The last two bits of a packet's first byte are its number of frames: one, two of the same size, or two. */
enum { FRAME_COUNT = 3, ONE = 0, TWO_EQUAL = 1, TWO = 2 };
enum { LONGEST_LEFT_OUT = 2, IGNORED = '#' };
/* No packet is larger, in bytes: six frames of 20 ms and their sizes. A larger buffer makes no difference to libopus. */
enum { LARGEST_PACKET = 6 * 1276 };
/* An error of opus_defines.h. */
enum { BUFFER_TOO_SMALL = -2 };
/* The smallest size that takes two bytes. */
enum { TWO_BYTE_SIZES = 252 };

static int configure(const opus_library *opus, void *encoder, const opus_settings *settings) {
  const int32_t requests[][2] = {
      {SET_COMPLEXITY, settings->complexity}, {SET_MAX_BANDWIDTH, settings->bandwidth}, {SET_DTX, settings->dtx},
      {SET_VBR_CONSTRAINT, 0},
      {SET_FORCE_CHANNELS, settings->channels}, /* otherwise low bit rates mix both sides of a call into one channel */
  };
  int error = 0;
  for (size_t number = 0; !error && number < sizeof requests / sizeof *requests; number++)
    error = opus->control(encoder, requests[number][0], requests[number][1]);
  return error;
}

static int encode(const opus_library *opus, void *encoder, const opus_settings *settings, const int16_t *samples,
                  int frames, int count, const int32_t *bitrates, uint8_t *packets, size_t capacity, int32_t *sizes) {
  int32_t delay;
  int error = configure(opus, encoder, settings);
  if (!error) error = opus->control(encoder, GET_LOOKAHEAD, &delay);
  if (error) return error;
  for (int packet = 0; packet < count; packet++) {
    error = opus->control(encoder, SET_BITRATE, bitrates[packet]);
    if (error) return error;
    if (capacity < LARGEST_PACKET) return BUFFER_TOO_SMALL;
    int32_t size = opus->encode(encoder, samples, frames, packets, LARGEST_PACKET);
    if (size < 0) return size;
    sizes[packet] = size;
    packets += size;
    capacity -= size;
    samples += (size_t)frames * settings->channels;
  }
  return delay;
}

int opus_encode_packets(const opus_library *opus, const opus_settings *settings, const int16_t *samples, int frames,
                        int count, const int32_t *bitrates, uint8_t *packets, size_t capacity, int32_t *sizes) {
  int error;
  void *encoder = opus->create(settings->rate, settings->channels, settings->application, &error);
  if (!encoder) return error;
  int result = encode(opus, encoder, settings, samples, frames, count, bitrates, packets, capacity, sizes);
  opus->destroy(encoder);
  return result;
}

static int can_be_joined(const uint8_t *packet, int32_t size) {
  return size > LONGEST_LEFT_OUT && (packet[0] & FRAME_COUNT) == ONE;
}

static uint8_t *append(uint8_t *to, const uint8_t *from, int32_t size) {
  memcpy(to, from, size);
  return to + size;
}

static uint8_t *pair(uint8_t *to, const uint8_t *first, int32_t size, const uint8_t *second, int32_t other) {
  int32_t length = size - 1, low = length < TWO_BYTE_SIZES ? length : TWO_BYTE_SIZES + length % 4;
  *to++ = first[0] | (size == other ? TWO_EQUAL : TWO);
  if (size != other) {
    *to++ = (uint8_t)low;
    if (length >= TWO_BYTE_SIZES) *to++ = (uint8_t)((length - low) / 4);
  }
  return append(append(to, first + 1, length), second + 1, other - 1);
}

int opus_join_packets(const uint8_t *packets, const int32_t *sizes, int count, uint8_t *joined, int32_t *lengths,
                      int32_t *ends) {
  int made = 0;
  for (int number = 0; number < count; made++) {
    int32_t size = sizes[number++];
    const uint8_t *first = packets, *second = packets + size;
    uint8_t *start = joined;
    packets = second;
    if (number < count - 1 && can_be_joined(first, size) && can_be_joined(second, sizes[number]) &&
        first[0] == second[0]) {
      joined = pair(joined, first, size, second, sizes[number]);
      packets += sizes[number++];
    } else {
      joined = append(joined, first, size);
      if (size == 1) *joined++ = IGNORED;
    }
    lengths[made] = (int32_t)(joined - start);
    ends[made] = number;
  }
  return made;
}

void mean_squares(const int16_t *samples, int frames, int count, double *powers) {
  for (; count--; samples += frames) {
    int64_t sum = 0;
    for (int frame = 0; frame < frames; frame++) sum += (int32_t)samples[frame] * samples[frame];
    *powers++ = (double)sum / frames;
  }
}
