#include "CKernels.h"
#include "processor.h"

// xxHash is compiled here, once for every processor and once for wider ones: its header chooses at
// compile time.

#define XXH_INLINE_ALL
#include <xxhash.h>

void ckernels_hash128_wide(const void *bytes, size_t count, uint64_t seed, uint64_t *high, uint64_t *low);

void ckernels_hash128(const void *bytes, size_t count, uint64_t seed, uint64_t *high, uint64_t *low) {
#if defined(__x86_64__)
  // Shorter input is not hashed in lanes.
  if (count > 240 && is_wide()) return ckernels_hash128_wide(bytes, count, seed, high, low);
#endif
  XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, count, seed);
  *high = hash.high64;
  *low = hash.low64;
}
