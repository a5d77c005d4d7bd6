/* What Python may call. Read by the compiler and by cffi: declarations alone, on top of <stdint.h> and <stddef.h>.

   Nothing is checked: the caller provides arrays of the stated sizes. The size of a packet, a frame, a block or a band
   is at least 1; their number may be 0 unless stated otherwise.

   The codecs' libraries are those of PyAV and pyFLAC; their functions come as addresses. */

/* libopus, as opus.h declares it; the fields are its functions opus_encoder_create and so on. */
typedef struct {
  void *(*create)(int32_t rate, int channels, int application, int *error);
  void (*destroy)(void *encoder);
  int (*control)(void *encoder, int request, ...);
  int32_t (*encode)(void *encoder, const int16_t *samples, int frames, uint8_t *packet, int32_t capacity);
} opus_library;

/* What an encoder of libopus is told; the last three as opus_defines.h numbers or counts them. */
typedef struct {
  int32_t rate, channels, application, complexity, bandwidth, dtx;
} opus_settings;

/* Codes audio as packets of equal length, one behind the other in `packets`.

   samples:  count * frames * channels, the channels' in turn.
   bitrates: bit/s of each packet.
   sizes:    becomes the bytes of each packet.

   Returns the encoder's delay in samples, or libopus's error (negative). */
int opus_encode_packets(const opus_library *opus, const opus_settings *settings, const int16_t *samples, int frames,
                        int count, const int32_t *bitrates, uint8_t *packets, int32_t capacity, int32_t *sizes);

/* Joins packets of one frame in pairs, which shares a header (RFC 6716, 3.2.3 and 3.2.4). The last one stands alone.

   Packets of one or two bytes, silence that was left out, are not joined with any: FFmpeg's own decoder would take the
   next frame's bytes for them. Those of one byte get another one, which libopus ignores and FFmpeg decodes: with most
   it squeaks, with this one it is about as quiet as the background.

   packets: one behind the other, of `sizes` bytes.
   joined:  becomes what they are joined to, one behind the other; room for two bytes more for each packet.
   lengths: becomes the bytes of each of those.
   ends:    becomes how many of the packets there are up to the end of each.

   Returns how many there are. */
int opus_join_packets(const uint8_t *packets, const int32_t *sizes, int count, uint8_t *joined, int32_t *lengths,
                      int32_t *ends);

/* Mean square of each stretch of a channel.

   samples: count * frames.
   powers:  becomes the mean squares; `count` numbers. */
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

/* Codes audio as a FLAC file.

   windows: what libFLAC's predictors are fitted under; NULL for those of the level, and no search beyond it.
   samples: frames * channels, the channels' in turn.

   Returns the bytes of the file, or, where libFLAC fails, its state as -1 - state. */
int64_t flac_encode(const flac_library *flac, uint32_t channels, uint32_t rate, uint32_t blocksize, uint32_t level,
                    const char *windows, const int16_t *samples, size_t frames, uint8_t *file, size_t capacity);

/* Bytes of a block of raw audio that is priced as a whole. */
enum { PRICED_BLOCK = 128 };

/* What it costs to send blocks as linear audio, big-endian and little-endian, and as G.711 of two laws; each sample
   predicted from none, one or two before it, as is best for the block. Only blocks in which something happens are
   priced: none that repeats the same eight bytes.

   audio:      blocks * PRICED_BLOCK bytes.
   candidates: so many blocks are looked at, from everywhere.
   most:       so many are priced, from everywhere among those where something happens.
   channels:   1 or 2.
   meanings:   the sample of each code, by law.
   widths:     width of its quantisation step, as a logarithm to base 2, by law.
   busy:       becomes the numbers of blocks in which something happens; room for `candidates`.
   bits:       becomes the mean bits per byte in each reading, where there is such a block.

   Returns how many of the candidates there are in which something happens. */
int reading_prices(const uint8_t *audio, int blocks, int candidates, int most, int channels, const float *meanings,
                   const float *widths, int32_t *busy, double *bits);

/* Power of a spectrum over time.

   transformed: complex numbers as pairs, frames * bins of them.
   kept:        bins after the first one that are wanted of each frame.
   power:       becomes the squares of their magnitudes, frames * kept.
   sums:        to the squares of each of the `bins`, those of all frames are added. */
void power_spectrum(const float *transformed, int frames, int bins, int kept, float *power, double *sums);

/* Number of the highest band with power to speak of, counted from one; 0 where there is none.

   width: bins of a band.
   share: of the loudest band's power; what has no more counts for nothing, nor does what has no more than `least`. */
int highest_band(const double *power, int bins, int width, double share, double least);

/* What a frame can be part of: anything that sounds; a tone or two that stay where they are; fax tones of T.30; both
   tones of V.21's lower or upper channel; a modem's carrier. */
enum { LOUD, STILL, CNG, CED, V21_LOW, V21_HIGH, CARRIER, MARKS };

/* Signals that machines make, frame by frame of a spectrum; of a minute at most.

   power:   frames * bins.
   bin_hz:  frequency of the first bin and distance of the others, in Hz.
   level:   becomes the sum of each frame.
   centre:  becomes the centre of its power in Hz.
   marks:   becomes what each frame can be part of, a bit each.
   longest: becomes the frames of the longest stretch of each; MARKS numbers. */
void mark_tones(const float *power, int frames, int bins, float bin_hz, float *level, float *centre, uint8_t *marks,
                int32_t *longest);

/* Seven numbers that differ between speech and music, of a spectrum of two frames to a minute.

   power:    frames * bins.
   features: become the share of frames far below the mean level; the mean likeness (cosine of amplitudes) to the frame
             three, and eight, before; the variation of the spectrum's centre in octaves; the mean jump of the level in
             dB; the share of the partials' power that is at the same place four frames later, and of the partials
             eight frames later. */
void music_features(const float *power, int frames, int bins, double *features);

/* Frames in which something sounds, told from silence by energy against a background.

   samples:  frames * size * channels, the channels' in turn, at least one frame; the loudest channel counts in each.
   around:   frames to either side among which the quietest one is the background.
   power:    becomes the mean square of each frame.
   mean:     becomes that of the frames that are loud themselves, or of all where none are.

   Returns how many there are, those around a loud one included. */
int sounding_frames(const float *samples, int frames, int size, int channels, int around, float *power, double *mean);

/* Whether neighbouring windows of two blocks each hold the same digit of DTMF.

   amplitudes: of the tones in each block, 32 numbers: real parts of the eight for a window's first block, their
               imaginary parts, and the same for its second block.
   samples:    blocks * hop.
   weights:    of the squares of samples in a window's first block, and in its second; 2 * hop.
   tones:      their frequencies in Hz: four of the low group, four of the high one.
   seconds:    from one block to the next.
   energy:     to its two numbers are added that of all windows, and that of those with two tones and little else. */
int find_digit(const float *amplitudes, const float *samples, int blocks, int hop, const float *weights,
               const double *tones, double seconds, double *energy);
