#include "CKernels.h"
#include "processor.h"

#include <string.h>

// The sums of SQLite's log (https://www.sqlite.org/fileformat2.html#checksum_algorithm) add each
// word to the sum of both sums before: one addition after the other. But they are linear. Of n
// words, word j counts F(n - 1 - j) times in the first sum and F(n - j) times in the second. The
// sums before count F(n - 1) and F(n), and F(n) and F(n + 1) times. F are the Fibonacci numbers,
// modulo 2^32. So words can be multiplied and added in parallel.

enum { WORDS = 256 };

/// F(WORDS) down to F(0), and F(WORDS + 1), F(WORDS), F(WORDS - 1) for the sums before.
static uint32_t weights[WORDS + 1];
static uint32_t beyond;

__attribute__((constructor)) static void fill(void) {
  uint32_t low = 0, high = 1;
  for (int number = 0; number <= WORDS; number++) {
    weights[WORDS - number] = low;
    uint32_t next = low + high;
    low = high;
    high = next;
  }
  beyond = low;
}

void ckernels_wal_sums_plain(const void *bytes, size_t count, uint32_t *first, uint32_t *second) {
  uint32_t one = *first, other = *second;
  for (size_t at = 0; at + 8 <= count; at += 8) {
    uint32_t pair[2];
    memcpy(pair, (const char *)bytes + at, 8);
    one += pair[0] + other;
    other += pair[1] + one;
  }
  *first = one;
  *second = other;
}

static inline __attribute__((always_inline)) void blocks(
  const char *bytes, size_t count, uint32_t *first, uint32_t *second
) {
  uint32_t one = *first, other = *second;
  for (; count > 0; count--, bytes += WORDS * 4) {
    uint32_t sum = 0, next = 0;
    for (int word = 0; word < WORDS; word++) {
      uint32_t value;
      memcpy(&value, bytes + word * 4, 4);
      sum += value * weights[word + 1];
      next += value * weights[word];
    }
    uint32_t before = one;
    one = before * weights[1] + other * weights[0] + sum;
    other = before * weights[0] + other * beyond + next;
  }
  *first = one;
  *second = other;
}

#ifdef HAS_WIDE
WIDE static void wide(const char *bytes, size_t count, uint32_t *first, uint32_t *second) {
  blocks(bytes, count, first, second);
}
#endif

void ckernels_wal_sums(const void *bytes, size_t count, uint32_t *first, uint32_t *second) {
#ifdef HAS_WIDE
  if (is_wide()) {
    size_t whole = count / (WORDS * 4);
    wide(bytes, whole, first, second);
    bytes = (const char *)bytes + whole * WORDS * 4;
    count -= whole * WORDS * 4;
  }
#endif
  ckernels_wal_sums_plain(bytes, count, first, second);
}
