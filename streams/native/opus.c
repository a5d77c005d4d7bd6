#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "kernels.h"

/* Requests of opus_defines.h. */
enum {
  SET_BITRATE = 4002,
  SET_MAX_BANDWIDTH = 4004,
  SET_BANDWIDTH = 4008,
  SET_COMPLEXITY = 4010,
  SET_DTX = 4016,
  SET_VBR_CONSTRAINT = 4020,
  SET_FORCE_CHANNELS = 4022,
  GET_LOOKAHEAD = 4027,
  SET_FORCE_MODE = 11002 /* of opus_private.h */
};

/* The last two bits of a packet's first byte are its number of frames: one, or a number in the second byte, whose
   highest bits say whether their sizes differ, and whether padding follows them. */
enum { FRAME_COUNT = 3, ONE = 0, MANY = 3, MANY_COUNT = 63, MANY_PADDED = 64, MANY_SIZES = 128 };
enum { IGNORED = '#', LONGEST_FRAME = 1275 };
/* No packet is larger, in bytes: six frames of 20 ms and their sizes. A larger buffer makes no difference to libopus. */
enum { LARGEST_PACKET = 6 * 1276 };
/* An error of opus_defines.h. */
enum { BUFFER_TOO_SMALL = -2 };
/* The smallest size that takes two bytes. */
enum { TWO_BYTE_SIZES = 252 };

static int configure(const opus_library *opus, void *encoder, const opus_settings *settings) {
  const int32_t requests[][2] = {
      {SET_COMPLEXITY, settings->complexity}, {SET_MAX_BANDWIDTH, settings->bandwidth}, {SET_DTX, settings->dtx},
      {SET_VBR_CONSTRAINT, 0}, {SET_BANDWIDTH, settings->only_bandwidth}, {SET_FORCE_MODE, settings->only_mode},
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

static uint8_t *append(uint8_t *to, const uint8_t *from, int32_t size) {
  memcpy(to, from, size);
  return to + size;
}

static uint8_t *append_size(uint8_t *to, int32_t size) {
  int32_t low = size < TWO_BYTE_SIZES ? size : TWO_BYTE_SIZES + size % 4;
  *to++ = (uint8_t)low;
  if (size >= TWO_BYTE_SIZES) *to++ = (uint8_t)((size - low) / 4);
  return to;
}

/* Where the sizes of several frames end, and the size of the last frame. */
static const uint8_t *last_frame(const uint8_t *packet, int32_t size, int32_t *last) {
  int frames = packet[1] & MANY_COUNT, differ = packet[1] & MANY_SIZES;
  const uint8_t *at = packet + 2;
  if (!differ) {
    *last = (size - 2) / frames;
    return at;
  }
  int32_t others = 0;
  for (; frames > 1; frames--) {
    others += *at;
    if (*at++ >= TWO_BYTE_SIZES) others += 4 * *at++;
  }
  *last = (int32_t)(size - (at - packet)) - others;
  return at;
}

static uint8_t *append_last(uint8_t *to, const uint8_t *packet, int32_t size) {
  to = append(to, packet, size);
  if (size == 1) *to++ = IGNORED;
  return to;
}

/* A packet before another stream's, with its size and zeros after it. */
static uint8_t *append_delimited(uint8_t *to, const uint8_t *packet, int32_t size) {
  if (size == 1) {
    const uint8_t omitted[] = {packet[0] | MANY, MANY_PADDED | 1, 2, 1, IGNORED, 0, 0};
    return append(to, omitted, sizeof omitted);
  }
  if ((packet[0] & FRAME_COUNT) == ONE) {
    int32_t zero = size <= LONGEST_FRAME;
    *to++ = packet[0];
    to = append(append_size(to, size - 1 + zero), packet + 1, size - 1);
    if (zero) *to++ = 0;
    return to;
  }
  int32_t last;
  const uint8_t *frames = last_frame(packet, size, &last);
  to = append_size(append(to, packet, (int32_t)(frames - packet)), last);
  return append(to, frames, (int32_t)(size - (frames - packet)));
}

void opus_multiplex_packets(opus_stream *streams, int stream_count, int count, uint8_t *multiplexed, int32_t *sizes) {
  for (int number = 0; number < count; number++) {
    uint8_t *start = multiplexed;
    for (int stream = 0; stream < stream_count; stream++) {
      opus_stream *from = &streams[stream];
      int32_t size = *from->sizes++;
      multiplexed = (stream < stream_count - 1 ? append_delimited : append_last)(multiplexed, from->packets, size);
      from->packets += size;
    }
    sizes[number] = (int32_t)(multiplexed - start);
  }
}

void mean_squares(const int16_t *samples, int frames, int count, double *powers) {
  for (; count--; samples += frames) {
    int64_t sum = 0;
    for (int frame = 0; frame < frames; frame++) sum += (int32_t)samples[frame] * samples[frame];
    *powers++ = (double)sum / frames;
  }
}
