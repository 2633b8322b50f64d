#pragma once

// WIDE marks a function that may use registers of 32 bytes, where the processor has them: `is_wide` asks it.
//
// Processors for which the library is compiled anyway (arm64) have the like of it always, and need nothing of this.

#if defined(__x86_64__)
#define HAS_WIDE 1
#define WIDE __attribute__((target("avx2")))
static inline int is_wide(void) { return __builtin_cpu_supports("avx2"); }
#elif defined(__aarch64__)
#define HAS_WIDE 1
#define WIDE
static inline int is_wide(void) { return 1; }
#endif
