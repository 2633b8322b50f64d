#pragma once
// xxHash compiled into the caller: the 128-bit hash of a page is on the mirror's hot path.
#define XXH_INLINE_ALL
#include <xxhash.h>
