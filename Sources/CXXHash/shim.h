#pragma once
// xxHash compiled into the caller: the 128-bit hash of a page is on the mirror's hot path.
#define XXH_INLINE_ALL
#include <xxhash.h>

/// XXH3-128 of bytes that arrive piece by piece.
///
/// The state must be at an address that is a multiple of 64, which only the header's own allocation
/// guarantees.
static inline void *cxxhash_stream(void) {
  XXH3_state_t *state = XXH3_createState();
  if (state) XXH3_128bits_reset(state);
  return state;
}
static inline void cxxhash_stream_add(void *state, const void *bytes, size_t count) {
  XXH3_128bits_update((XXH3_state_t *)state, bytes, count);
}
static inline void cxxhash_stream_value(void *state, uint64_t *high, uint64_t *low) {
  XXH128_hash_t hash = XXH3_128bits_digest((XXH3_state_t *)state);
  *high = hash.high64;
  *low = hash.low64;
}
static inline void cxxhash_stream_free(void *state) { XXH3_freeState((XXH3_state_t *)state); }
