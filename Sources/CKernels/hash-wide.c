#include "CKernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define XXH_VECTOR XXH_AVX2
#define XXH_INLINE_ALL
#include <xxhash.h>

void ckernels_hash128_wide(const void *bytes, size_t count, uint64_t seed, uint64_t *high, uint64_t *low) {
  XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, count, seed);
  *high = hash.high64;
  *low = hash.low64;
}
#pragma clang attribute pop
#endif
