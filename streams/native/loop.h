/* A loop to be vectorised: apart from others, or gcc does not; and for the processor that it meets. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define LOOP __attribute__((noinline, target_clones("avx2", "default")))
#else
#define LOOP __attribute__((noinline))
#endif
