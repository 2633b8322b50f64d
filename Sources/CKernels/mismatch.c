#include "CKernels.h"
#include "processor.h"

#include <string.h>

static inline __attribute__((always_inline)) size_t words(const char *one, const char *other, size_t at, size_t count) {
  for (; at + 8 <= count; at += 8) {
    uint64_t a, b;
    memcpy(&a, one + at, 8);
    memcpy(&b, other + at, 8);
    if (a != b) return at + (size_t)__builtin_ctzll(a ^ b) / 8;
  }
  while (at < count && one[at] == other[at]) at++;
  return at;
}

#if defined(__x86_64__)
#include <immintrin.h>

WIDE static size_t wide(const char *one, const char *other, size_t count) {
  size_t at = 0;
  for (; at + 64 <= count; at += 64) {
    __m256i a = _mm256_cmpeq_epi8(
      _mm256_loadu_si256((const __m256i *)(one + at)), _mm256_loadu_si256((const __m256i *)(other + at)));
    __m256i b = _mm256_cmpeq_epi8(
      _mm256_loadu_si256((const __m256i *)(one + at + 32)), _mm256_loadu_si256((const __m256i *)(other + at + 32)));
    if (_mm256_movemask_epi8(_mm256_and_si256(a, b)) == -1) continue;
    uint64_t equal = (uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
    return at + (size_t)__builtin_ctzll(~equal);
  }
  return words(one, other, at, count);
}
#endif

size_t ckernels_mismatch(const void *one, const void *other, size_t count) {
#if defined(__x86_64__)
  if (is_wide()) return wide(one, other, count);
#endif
  return words(one, other, 0, count);
}
