#include <stdint.h>
#include <stddef.h>

#include "kernels.h"

enum { SET_BITRATE = 4002 };

int opus_encode_packets(const opus_library *opus, void *encoder, const int16_t *samples, int frames, int channels,
                        int count, const int32_t *bitrates, uint8_t *packets, int32_t capacity, int32_t *sizes) {
  for (int packet = 0; packet < count; packet++) {
    int error = opus->control(encoder, SET_BITRATE, bitrates[packet]);
    if (error < 0) return error;
    int32_t size = opus->encode(encoder, samples, frames, packets, capacity);
    if (size < 0) return size;
    sizes[packet] = size;
    packets += size;
    capacity -= size;
    samples += (size_t)frames * channels;
  }
  return 0;
}
