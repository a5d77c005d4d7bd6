/* What loops over samples and bins share. */

/* A loop to be vectorised: apart from others, or gcc does not; and for the processor that it meets. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define LOOP __attribute__((noinline, target_clones("avx2", "default")))
#else
#define LOOP __attribute__((noinline))
#endif

/* Unlike C's own, one instruction each: nothing here is not a number. */
static inline float larger(float one, float other) { return one > other ? one : other; }
static inline float smaller(float one, float other) { return one < other ? one : other; }
