#pragma once
#include <stddef.h>
#include <stdint.h>

// libs3 behind a boundary that sees every request (Docs/Decisions/0009-libs3-by-interposition.md).
//
// libs3 is opened at first use and never linked: it brings some 35 shared libraries, and a shell
// without a mirror should not pay for them. Each call blocks the calling thread; several threads
// may call at once.

// A request as libs3 composed it. Headers are lines "Name: value".
typedef struct cs3_request {
  const char *method;
  const char *url;
  const char *const *headers;
  int header_count;
} cs3_request;

// The signer's additions to a request; see cs3_add_header and cs3_replace_url.
typedef struct cs3_additions cs3_additions;

// The callbacks of a call. All are called on the calling thread, and none may be null.
typedef struct cs3_callbacks {
  void *context;
  // Adds headers to the request; any result except 0 cancels the request.
  int (*sign)(void *context, const cs3_request *request, cs3_additions *additions);
  // One line of the answer's head, including the status line.
  void (*header)(void *context, const char *line, size_t count);
  // Whether to cancel the request; asked after its first second, if `is_watched`.
  int (*is_given_up)(void *context);
  // Bytes of an object; any result except 0 cancels the transfer.
  int (*receive)(void *context, const char *bytes, size_t count);
  // Bytes of the body of an error, or of a body that should not be there; at most 64 KB.
  void (*failure)(void *context, const char *bytes, size_t count);
  // One object of a listing.
  void (*entry)(void *context, const char *key, const char *etag, uint64_t size, int64_t modified);
} cs3_callbacks;

// The target of requests, and their limits.
typedef struct cs3_target {
  const char *host;     // host or host:port
  const char *bucket;
  int is_secure;        // https
  int is_virtual;       // the bucket is part of the host name
  const char *ca_file;  // null: the system's
  int is_watched;       // the request may be cancelled
  long connect_timeout_seconds;
  long idle_timeout_seconds;  // a transfer without progress for this time is cancelled
  double deadline;      // seconds of CLOCK_MONOTONIC at which the request ends in any case; 0: none
  uint64_t body_limit;  // a longer object or listing cancels the transfer
} cs3_target;

// The result of a call. libcurl's result counts: libs3 2.0 reports some failed uploads as done.
typedef struct cs3_outcome {
  int is_refused;    // nothing was sent; cs3_outcome_text returns the reason
  int curl_code;     // 0: an answer arrived whole
  long http_status;  // 0: no answer
  int libs3_status;  // 0: libs3 could read the answer
  int64_t modified;  // -1: unknown
  int is_truncated;  // of a listing
  int is_whole;      // of a listing: its closing tag arrived
  int is_too_large;  // the body went on beyond `body_limit`
  uint64_t unexpected_count;  // bytes of a body that a success should not have, for instance that of a put
  char text[512];
} cs3_outcome;

// Opens libs3, and checks that its calls into libcurl reach this boundary. Returns 0 if they do;
// otherwise `why` is the reason. Later calls return the first result.
int cs3_load(const char **why);

const char *cs3_outcome_text(const cs3_outcome *outcome);
// Whether the code means: name not resolved, not connected, timed out, answer cut short,
// certificate refused.
int cs3_is_host_not_found(int curl_code);
int cs3_is_connection_refused(int curl_code);
int cs3_is_timeout(int curl_code);
int cs3_is_cut_short(int curl_code);
int cs3_is_proxy_not_found(int curl_code);
int cs3_is_certificate_refused(int curl_code);

void cs3_add_header(cs3_additions *additions, const char *line);
void cs3_replace_url(cs3_additions *additions, const char *url);

void cs3_put(const cs3_target *target, const char *key, const uint8_t *bytes, size_t count,
             const cs3_callbacks *callbacks, cs3_outcome *outcome);
// `count` 0: everything from `start`.
void cs3_get(const cs3_target *target, const char *key, uint64_t start, uint64_t count,
             const cs3_callbacks *callbacks, cs3_outcome *outcome);
void cs3_head(const cs3_target *target, const char *key, const cs3_callbacks *callbacks, cs3_outcome *outcome);
void cs3_delete(const cs3_target *target, const char *key, const cs3_callbacks *callbacks, cs3_outcome *outcome);
void cs3_list(const cs3_target *target, const char *prefix, const char *marker, int limit,
              const cs3_callbacks *callbacks, cs3_outcome *outcome);
void cs3_create_bucket(const cs3_target *target, const uint8_t *bytes, size_t count,
                       const cs3_callbacks *callbacks, cs3_outcome *outcome);

// For tests and fuzzers: answers the calling thread's requests with these bytes (the head and the
// body of an answer), and sends nothing. Null ends it.
void cs3_answer_with(const uint8_t *bytes, size_t count);
