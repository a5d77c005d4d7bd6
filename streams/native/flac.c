#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "kernels.h"

/* libFLAC's return values of the callbacks; they are the same for all of these. */
enum { OK = 0, FAILED = 1 };
/* Samples that are converted to libFLAC's 32 bits at a time. */
enum { CHUNK = 4096 };

/* A file in memory, and where every so many of its FLAC frames begin. libFLAC seeks back to the beginning to write totals
   that are known at the end only. */
typedef struct {
  uint8_t *bytes;
  size_t capacity, size, position;
  uint64_t *starts;
  uint32_t spacing;
} memory_file;

static int write_bytes(const void *encoder, const uint8_t *bytes, size_t size, uint32_t samples, uint32_t frame,
                       void *client) {
  (void)encoder;
  memory_file *file = client;
  if (size > file->capacity - file->position) return FAILED;
  if (samples && frame % file->spacing == 0) file->starts[frame / file->spacing] = file->position;
  memcpy(file->bytes + file->position, bytes, size);
  file->position += size;
  if (file->position > file->size) file->size = file->position;
  return OK;
}

static int seek(const void *encoder, uint64_t position, void *client) {
  (void)encoder;
  memory_file *file = client;
  if (position > file->size) return FAILED;
  file->position = position;
  return OK;
}

static int tell(const void *encoder, uint64_t *position, void *client) {
  (void)encoder;
  *position = ((memory_file *)client)->position;
  return OK;
}

static int process(const flac_library *flac, void *encoder, const int16_t *samples, size_t frames, uint32_t channels) {
  int32_t wide[CHUNK];
  size_t most = CHUNK / channels;
  while (frames) {
    size_t some = frames < most ? frames : most;
    for (size_t sample = 0; sample < some * channels; sample++) wide[sample] = samples[sample];
    if (!flac->process_interleaved(encoder, wide, (uint32_t)some)) return 0;
    samples += some * channels;
    frames -= some;
  }
  return 1;
}

int64_t flac_encode(const flac_library *flac, uint32_t channels, uint32_t rate, uint32_t blocksize, uint32_t level,
                    const char *windows, const int16_t *samples, size_t frames, uint8_t *bytes, size_t capacity,
                    uint32_t spacing, uint64_t *starts) {
  memory_file file = {bytes, capacity, 0, 0, starts, spacing};
  void *encoder = flac->new();
  if (!encoder) return -1;
  flac->set_channels(encoder, channels);
  flac->set_sample_rate(encoder, rate);
  flac->set_blocksize(encoder, blocksize);
  flac->set_compression_level(encoder, level);
  if (windows) {
    flac->set_apodization(encoder, windows);
    flac->set_do_qlp_coeff_prec_search(encoder, 1);
  }
  int done = flac->init_stream(encoder, write_bytes, seek, tell, NULL, &file) == OK &&
             process(flac, encoder, samples, frames, channels);
  int64_t state = flac->get_state(encoder);
  done = flac->finish(encoder) && done;
  flac->delete(encoder);
  return done ? (int64_t)file.size : -1 - state;
}
