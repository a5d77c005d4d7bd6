/* What Python may call. Read by the compiler and by cffi: declarations alone, on top of <stdint.h> and <stddef.h>.

   The codecs' libraries are those of PyAV and pyFLAC; their functions come as addresses. */

/* libopus, as opus.h declares it. */
typedef struct {
  int32_t (*encode)(void *encoder, const int16_t *samples, int frames, uint8_t *packet, int32_t capacity);
  int (*control)(void *encoder, int request, ...);
} opus_library;

/* Codes audio as packets of equal length, one behind the other in `packets`.

   samples:  count * frames * channels, the channels' in turn.
   bitrates: bit/s of each packet.
   sizes:    becomes the bytes of each packet.

   Returns 0, or libopus's error (negative). */
int opus_encode_packets(const opus_library *opus, void *encoder, const int16_t *samples, int frames, int channels,
                        int count, const int32_t *bitrates, uint8_t *packets, int32_t capacity, int32_t *sizes);

/* libFLAC, as FLAC/stream_encoder.h declares it; the fields are its functions FLAC__stream_encoder_*. */
typedef struct {
  void *(*new)(void);
  void (*delete)(void *encoder);
  int (*set_channels)(void *encoder, uint32_t channels);
  int (*set_sample_rate)(void *encoder, uint32_t rate);
  int (*set_blocksize)(void *encoder, uint32_t frames);
  int (*set_compression_level)(void *encoder, uint32_t level);
  int (*set_apodization)(void *encoder, const char *windows);
  int (*set_do_qlp_coeff_prec_search)(void *encoder, int search);
  int (*init_stream)(void *encoder, void *write, void *seek, void *tell, void *metadata, void *client);
  int (*process_interleaved)(void *encoder, const int32_t *samples, uint32_t frames);
  int (*finish)(void *encoder);
  int (*get_state)(const void *encoder);
} flac_library;

/* Codes audio as a FLAC file.

   windows: what libFLAC's predictors are fitted under; NULL for those of the level, and no search beyond it.
   samples: frames * channels, the channels' in turn.

   Returns the bytes of the file, or, where libFLAC fails, its state as -1 - state. */
int64_t flac_encode(const flac_library *flac, uint32_t channels, uint32_t rate, uint32_t blocksize, uint32_t level,
                    const char *windows, const int16_t *samples, size_t frames, uint8_t *file, size_t capacity);
