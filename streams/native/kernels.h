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

/* Bytes of a block of raw audio that is priced as a whole. */
enum { PRICED_BLOCK = 128 };

/* Numbers of the blocks in which something happens: not of those that repeat the same eight bytes.

   busy: room for `count` numbers. Returns how many there are. */
int busy_blocks(const uint8_t *blocks, int count, int32_t *busy);

/* What it costs to send blocks as linear audio, big-endian and little-endian, and as G.711 of two laws; each sample
   predicted from none, one or two before it, as is best for the block.

   numbers:  of the blocks to price, `count` of them.
   channels: 1 or 2.
   meanings: the sample of each code, by law.
   widths:   width of its quantisation step, as a logarithm to base 2, by law.
   bits:     becomes the mean bits per byte in each reading. */
void reading_prices(const uint8_t *blocks, const int32_t *numbers, int count, int channels, const float *meanings,
                    const float *widths, double *bits);

/* The one or two strongest sines of each frame of a spectrum.

   power:  frames * bins; `level` is the sum of each frame.
   first:  becomes the share of the power around the strongest bin, two to either side.
   both:   becomes that share around it and the next strongest.
   pitch:  becomes the frequency of the strongest, in bins; the first bin is 1.
   centre: becomes the centre of the frame's power, in bins. */
void strongest_sines(const float *power, const float *level, int frames, int bins, float *first, float *both,
                     float *pitch, float *centre);

/* How a spectrum goes on over time.

   power:    frames * bins; a little is added, so that silence can be compared.
   level:    becomes the sum of each frame.
   centre:   becomes the centre of its power, in bins.
   likeness: becomes the likeness (cosine of amplitudes) of each frame and the one three, and eight, frames before;
             2 * frames, of which the first three, and eight, are not set.
   partials: becomes sums over bins where a partial stands out: of the products of amplitudes four frames apart, of
             the squares of the later ones, and of the earlier ones; then how many there are from the ninth frame on,
             and how many of these stood there eight frames before. Five numbers.
   working:  memory for 2 * frames * bins numbers. */
void spectral_change(const float *power, int frames, int bins, float *level, float *centre, float *likeness,
                     double *partials, float *working);
