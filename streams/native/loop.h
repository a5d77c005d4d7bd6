/* Macros and functions for loops over samples and bins. */

/* A loop to be vectorised: in a function of its own, otherwise gcc does not; in variants for different processors. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define LOOP __attribute__((noinline, target_clones("avx2", "default")))
#else
#define LOOP __attribute__((noinline))
#endif

/* Unlike fmaxf and fminf, one instruction each: they do not handle NaN, which does not occur here. */
static inline float larger(float one, float other) { return one > other ? one : other; }
static inline float smaller(float one, float other) { return one < other ? one : other; }
