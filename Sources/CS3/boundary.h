#pragma once
#include "CS3.h"

// The call of the current thread. While there is one, only libs3 uses libcurl on this thread.
typedef struct cs3_call {
  const cs3_target *target;
  const cs3_callbacks *callbacks;
  cs3_outcome *outcome;
  const uint8_t *body;
  size_t body_count, body_position;
  int wants_body;  // the answer's body is for libs3: an object or a listing
  int is_probe;    // nothing is to be sent
  int setopt_calls, perform_calls;
  double begun;    // when libcurl took it over, monotonic seconds
  double head_begun, body_begun;  // when the answer's head and its body began; 0: not yet
  int is_head_whole, head_count;  // whether all of the head has come, and how many heads came
  size_t head_bytes;
  uint64_t body_bytes;
  int is_unwanted; // the body is an error's, or should not be there
  int is_cut;      // the rest of an error's body is not wanted
  int is_stalled;  // the answer comes too slowly
  long prepared_status;  // of the prepared answer

  // What libs3 set in libcurl.
  void *handle;
  const char *url, *custom_method;
  int is_upload, is_head;
  void *headers;
  size_t (*write)(char *, size_t, size_t, void *);
  void *write_data;

  char tail[32];  // the last bytes of the body
  size_t tail_count;
} cs3_call;

// Makes `call` the thread's current one, and clears its results.
void cs3_begin(cs3_call *call);
void cs3_end(void);

// Takes libcurl's functions from the library that `libs3` (a handle of dlopen) itself uses; 0 if
// all are there.
int cs3_bind_curl(void *libs3);
// Whether the dynamic linker would give any library our two functions.
int cs3_is_exported(void);

// Whether the thread's requests are answered from memory; `cs3_play` does so, by the callbacks that
// libcurl would call.
typedef size_t cs3_curl_callback(char *bytes, size_t size, size_t count, void *call);
int cs3_is_prepared(void);
int cs3_play(cs3_call *call, cs3_curl_callback *on_header, cs3_curl_callback *on_write);
