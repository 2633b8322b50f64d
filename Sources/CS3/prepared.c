// Prepared answers, so that a fuzzer reaches the parsers of answers.
#include "boundary.h"
#include <stdlib.h>
#include <string.h>

#define CURLE_OK 0
#define CURLE_WRITE_ERROR 23
// The number of body bytes that arrive at once: not all of it, and not in step with any buffer.
#define PIECE 997

static _Thread_local const uint8_t *prepared;
static _Thread_local size_t prepared_count;

void cs3_answer_with(const uint8_t *bytes, size_t count) {
  prepared = bytes;
  prepared_count = count;
}

int cs3_is_prepared(void) { return prepared != NULL; }

int cs3_play(cs3_call *call, cs3_curl_callback *on_header, cs3_curl_callback *on_write) {
  static const char version[] = "HTTP/1.1 ";
  size_t at = 0;
  while (at < prepared_count) {
    const uint8_t *line = prepared + at, *end = memchr(line, '\n', prepared_count - at);
    size_t length = end ? (size_t)(end - line) + 1 : prepared_count - at;
    char start[16] = "";
    memcpy(start, line, length < sizeof start ? length : sizeof start - 1);
    if (!strncmp(start, version, sizeof version - 1)) call->prepared_status = strtol(start + sizeof version - 1, NULL, 10);
    if (on_header((char *)line, 1, length, call) != length) return CURLE_WRITE_ERROR;
    at += length;
    if (length <= 2) break;
  }
  while (at < prepared_count) {
    size_t length = prepared_count - at < PIECE ? prepared_count - at : PIECE;
    if (on_write((char *)prepared + at, 1, length, call) != length) return CURLE_WRITE_ERROR;
    at += length;
  }
  return CURLE_OK;
}
