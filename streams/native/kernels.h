/* Functions for Python. Read by the compiler and by cffi: declarations only, which need <stdint.h> and <stddef.h>.

   Nothing is checked: the caller provides arrays of the stated sizes. The size of a packet, a frame, a block or a band
   is at least 1; their number may be 0 unless stated otherwise.

   The codec libraries are those of PyAV and pyFLAC; their functions are passed as addresses. */

/* libopus, as opus.h declares it; the fields are its functions opus_encoder_create and so on. */
typedef struct {
  void *(*create)(int32_t rate, int channels, int application, int *error);
  void (*destroy)(void *encoder);
  int (*control)(void *encoder, int request, ...);
  int32_t (*encode)(void *encoder, const int16_t *samples, int frames, uint8_t *packet, int32_t capacity);
} opus_library;

/* Settings of a libopus encoder, with the values of opus_defines.h and opus_private.h; `bandwidth` is the highest one,
   `only_bandwidth` and `only_mode` force one where they are not OPUS_AUTO. */
typedef struct {
  int32_t rate, channels, application, complexity, bandwidth, dtx, only_bandwidth, only_mode;
} opus_settings;

/* Encodes audio as packets of equal duration, consecutively in `packets`.

   samples:  count * frames * channels samples, channels interleaved.
   bitrates: bit/s of each packet.
   capacity: size of `packets` in bytes; the largest packet has to fit before each.
   sizes:    output: size of each packet in bytes.

   Returns the encoder's delay in samples, or libopus's error (negative): OPUS_BUFFER_TOO_SMALL if `packets` is full. */
int opus_encode_packets(const opus_library *opus, const opus_settings *settings, const int16_t *samples, int frames,
                        int count, const int32_t *bitrates, uint8_t *packets, size_t capacity, int32_t *sizes);

/* A stream of packets, consecutively in `packets`, of `sizes` bytes each. */
typedef struct {
  const uint8_t *packets;
  const int32_t *sizes;
} opus_stream;

/* Puts the packets of several streams at the same time into one packet (RFC 6716, appendix B: all but the last stream's
   have their size in front). A single stream's stay as they are, apart from omitted silence.

   FFmpeg's own decoder reads up to two bytes beyond a frame, where libopus reads zeros, and where it has left out zeros
   of its own. A frame of speech before another stream's packet therefore gets a zero at its end. (Two zeros would mean
   that there is a frame of another mode within it.) For the same reason, frames are never joined in a packet.

   Packets of one byte, which mean omitted silence, get a second byte, which libopus ignores and FFmpeg decodes: with
   most values it squeaks, with this one it is about as quiet as the background.

   streams:     moved to their ends.
   count:       number of packets of each stream; those of several frames have no padding.
   multiplexed: output: the packets, consecutively; needs room for six more bytes per packet of each stream.
   sizes:       output: size of each packet in bytes. */
void opus_multiplex_packets(opus_stream *streams, int stream_count, int count, uint8_t *multiplexed, int32_t *sizes);

/* Mean square of each block of a channel.

   samples: count * frames samples.
   powers:  output: the mean squares; `count` numbers. */
void mean_squares(const int16_t *samples, int frames, int count, double *powers);

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

/* Encodes audio as a FLAC file.

   windows: windows for fitting libFLAC's predictors, with the search for the precision of coefficients; NULL for the
            level's own windows and search.
   samples: frames * channels samples, channels interleaved.
   spacing: number of blocks from one seek point to the next, at least 1.
   starts:  output: offset in the file of every block that is a seek point, the first block included.

   Returns the size of the file in bytes, or -1 - state if libFLAC fails. */
int64_t flac_encode(const flac_library *flac, uint32_t channels, uint32_t rate, uint32_t blocksize, uint32_t level,
                    const char *windows, const int16_t *samples, size_t frames, uint8_t *file, size_t capacity,
                    uint32_t spacing, uint64_t *starts);

/* Gives the frames of a FLAC file other numbers, so that they can follow those of another one.

   frames:     the frames, consecutively, as `flac_encode` writes them: numbered from 0, with a fixed blocksize.
   starts:     offset of each frame.
   count:      number of frames.
   size:       size of all frames in bytes.
   first:      new number of the first frame; all numbers are less than 2^31.
   renumbered: output: the frames, consecutively; needs room for five more bytes per frame.
   sizes:      output: new size of each frame in bytes.

   Returns the new size of all frames in bytes. */
uint64_t flac_renumber(const uint8_t *frames, const uint64_t *starts, uint32_t count, uint64_t size, uint32_t first,
                       uint8_t *renumbered, uint32_t *sizes);

/* Size in bytes of a block of raw audio whose cost is computed as a whole. */
enum { PRICED_BLOCK = 128 };

/* The cost in bits of coding blocks as linear audio (big-endian and little-endian) and as G.711 (two laws). Each sample
   is predicted from none, one or two preceding samples, whichever is best for the block. Only blocks with content
   count: blocks that repeat the same eight bytes have none.

   audio:      blocks * PRICED_BLOCK bytes.
   candidates: number of blocks, evenly spaced, that are searched for content.
   most:       number of blocks with content, evenly spaced, whose cost is computed.
   channels:   1 or 2.
   meanings:   the sample of each code, by law.
   widths:     log2 of the quantisation step of each code, by law.
   busy:       output: indices of the blocks with content; needs room for `candidates`.
   bits:       output: mean bits per byte in each reading; 0 if no block has content.

   Returns the number of candidates with content. */
int reading_prices(const uint8_t *audio, int blocks, int candidates, int most, int channels, const float *meanings,
                   const float *widths, int32_t *busy, double *bits);

/* Power spectrum over time.

   transformed: frames * bins complex numbers, as pairs. The first two bins, which have a recorder's offset, count as 0.
   kept:        number of bins after the first one that are returned for each frame.
   power:       output: squared magnitudes, frames * kept.
   sums:        the squared magnitudes of all frames are added to these sums, one for each of the `bins`. */
void power_spectrum(const float *transformed, int frames, int bins, int kept, float *power, double *sums);

/* Number of the highest audible band, counted from one; 0 if there is none.

   width: bins per band.
   share: share of the loudest band's power that an audible band must exceed; it must also exceed the power `least`. */
int highest_band(const double *power, int bins, int width, double share, double least);

/* Signals that a frame can be part of: any sound; one or two tones of constant frequency; fax tones of T.30; both tones
   of V.21's lower or upper channel; a modem's carrier. */
enum { LOUD, STILL, CNG, CED, V21_LOW, V21_HIGH, CARRIER, MARKS };

/* Detects machine-made signals in each frame of a spectrum of at most a minute.

   power:   frames * bins numbers.
   bin_hz:  frequency of the first bin and distance of the bins, in Hz.
   level:   output: the sum of each frame.
   centre:  output: the spectral centre of each frame in Hz.
   marks:   output: one bit per signal that the frame can be part of.
   longest: output: length of the longest run of each signal in frames; MARKS numbers. */
void mark_tones(const float *power, int frames, int bins, float bin_hz, float *level, float *centre, uint8_t *marks,
                int32_t *longest);

/* Seven features that differ between speech and music, of a spectrum of two frames to a minute.

   power:    frames * bins numbers.
   features: output: the share of frames far below the mean level; the mean similarity (cosine of amplitudes) of frames
             three, and eight, apart; the variation of the spectral centre in octaves; the mean change of the level in
             dB; the share of the partials' power that has the same frequency four frames later, and the share of the
             partials eight frames later. */
void music_features(const float *power, int frames, int bins, double *features);

/* Counts frames with sound, by comparing their energy with a background level.

   samples:  frames * size * channels samples, channels interleaved, at least one frame; in each frame, the loudest
             channel counts.
   around:   number of frames on either side of which the quietest one is the background.
   power:    output: the variance of each frame, its mean square without a recorder's offset.
   levels:   output: the variance of the loud frames, or of all frames if none is loud; the mean of the background
             behind the loud frames, 0 if none is loud; and the share of frames that are at most 12 dB below the first.

   Returns the number of frames with sound, including those around a loud frame. */
int sounding_frames(const float *samples, int frames, int size, int channels, int around, float *power,
                    double *levels);

/* The same from the variances of all frames: those of a recording, which is not in memory as a whole. */
int sounding_levels(const float *power, int frames, int around, double *levels);

/* Whether two consecutive windows of two blocks each contain the same DTMF digit.

   amplitudes: 32 numbers per block: real parts of the eight tones if it is a window's first block, their imaginary parts,
               and the same for a window's second block.
   samples:    blocks * hop samples.
   weights:    weights of the squared samples in a window's first block, then in its second; 2 * hop numbers.
   tones:      frequencies of the tones in Hz: four of the low group, four of the high one.
   seconds:    time from one block to the next.
   energy:     two sums: the energy of all windows is added to the first, that of windows with two tones and little else
               to the second. */
int find_digit(const float *amplitudes, const float *samples, int blocks, int hop, const float *weights,
               const double *tones, double seconds, double *energy);

/* Most samples and coefficients that `extrapolate` uses. */
enum { LONGEST_KNOWN = 1920, HIGHEST_ORDER = 192 };

/* Continues a signal by linear prediction (Burg's method): harmonics go on, noise fades.

   edge:  the last known sample; those before it are at edge + step, edge + 2 * step and so on, and the new ones are written
          to edge - step, edge - 2 * step and so on.
   known: number of known samples that are used, 1 to LONGEST_KNOWN.
   order: number of coefficients, 0 to known / 2 and HIGHEST_ORDER.
   count: number of new samples. */
void extrapolate(int16_t *edge, int step, int known, int order, int count);
