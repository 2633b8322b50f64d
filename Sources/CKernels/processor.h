#pragma once

// WIDE marks a function that may use registers of 32 bytes, if the processor has them; `is_wide`
// asks it.
//
// Other processors (arm64) always have similar registers, and need no such functions.

#if defined(__x86_64__)
#define HAS_WIDE 1
#define WIDE __attribute__((target("avx2")))
static inline int is_wide(void) { return __builtin_cpu_supports("avx2"); }
#elif defined(__aarch64__)
#define HAS_WIDE 1
#define WIDE
static inline int is_wide(void) { return 1; }
#endif
