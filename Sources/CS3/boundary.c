// The boundary between libs3 and libcurl. libs3's calls to curl_easy_setopt and curl_easy_perform
// arrive here, because the executable exports the two names and the dynamic linker searches it
// first.
#define _GNU_SOURCE
#include "boundary.h"
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

// libcurl's ABI, which never changes these numbers (https://curl.se/libcurl/abi.html); declared
// here so that no particular flavour of libcurl's development files is needed.
enum {
  CURLE_OK = 0, CURLE_COULDNT_RESOLVE_PROXY = 5, CURLE_COULDNT_RESOLVE_HOST = 6, CURLE_COULDNT_CONNECT = 7,
  CURLE_PARTIAL_FILE = 18, CURLE_OPERATION_TIMEDOUT = 28, CURLE_ABORTED_BY_CALLBACK = 42, CURLE_PEER_FAILED_VERIFICATION = 60,
  CURLE_SSL_CACERT_BADFILE = 77, CURLE_SSL_ISSUER_ERROR = 83,
  CURLOPT_LOW_SPEED_LIMIT = 19, CURLOPT_LOW_SPEED_TIME = 20, CURLOPT_SSLVERSION = 32, CURLOPT_NOPROGRESS = 43, CURLOPT_NOBODY = 44, CURLOPT_UPLOAD = 46, CURLOPT_POST = 47,
  CURLOPT_FOLLOWLOCATION = 52, CURLOPT_SSL_VERIFYPEER = 64, CURLOPT_MAXREDIRS = 68, CURLOPT_CONNECTTIMEOUT = 78,
  CURLOPT_SSL_VERIFYHOST = 81, CURLOPT_HTTP_VERSION = 84, CURLOPT_PROTOCOLS = 181, CURLOPT_REDIR_PROTOCOLS = 182,
  CURLOPT_TIMEOUT_MS = 155, CURLOPT_TCP_KEEPALIVE = 213,
  CURLOPT_WRITEDATA = 10001, CURLOPT_URL = 10002, CURLOPT_READDATA = 10009, CURLOPT_ERRORBUFFER = 10010, CURLOPT_POSTFIELDS = 10015,
  CURLOPT_HTTPHEADER = 10023, CURLOPT_HEADERDATA = 10029, CURLOPT_CUSTOMREQUEST = 10036, CURLOPT_CAINFO = 10065,
  CURLOPT_XFERINFODATA = 10057, CURLOPT_SEEKDATA = 10168,
  CURLOPT_WRITEFUNCTION = 20011, CURLOPT_READFUNCTION = 20012, CURLOPT_HEADERFUNCTION = 20079,
  CURLOPT_SEEKFUNCTION = 20167, CURLOPT_XFERINFOFUNCTION = 20219,
  CURLOPT_INFILESIZE_LARGE = 30115, CURLOPT_POSTFIELDSIZE_LARGE = 30120,
  CURLINFO_RESPONSE_CODE = 0x200002, CURLINFO_FILETIME = 0x20000e,
  CURL_HTTP_VERSION_1_1 = 2, CURL_SSLVERSION_TLSv1_2 = 6, CURLPROTO_HTTP = 1, CURLPROTO_HTTPS = 2,
};
#define CURL_READFUNC_ABORT 0x10000000

struct curl_slist { char *data; struct curl_slist *next; };

typedef int setopt_function(void *, int, ...);
typedef int perform_function(void *);
int curl_easy_setopt(void *handle, int option, ...);
int curl_easy_perform(void *handle);

static setopt_function *real_setopt;
static perform_function *real_perform;
static int (*real_getinfo)(void *, int, ...);
static const char *(*real_strerror)(int);
static _Thread_local cs3_call *current;

#define MAX_HEADERS 48
// libcurl sends a POST's body in the same packet as its headers if it is smaller.
#define MAX_BODY_WITH_HEADERS (64 << 10)
// The maximum size of an answer's head, including interim answers. Amazon allows 8 KB.
#define MAX_HEAD (64 << 10)
// Interim answers such as "100 Continue", and the last one.
#define MAX_HEADS 16
// Error bodies are short documents; more is not read.
#define MAX_ERROR_BODY (64 << 10)
// The minimum bytes a second, on average, of a body after the idle time-out.
#define MIN_BODY_RATE 1024.0
struct cs3_additions {
  struct curl_slist lines[MAX_HEADERS];
  int count, is_full;
  char *url;
};

int cs3_bind_curl(void *libs3) {
  // A handle's own libraries are searched, never the executable, so these are not ours.
  real_setopt = (setopt_function *)dlsym(libs3, "curl_easy_setopt");
  real_perform = (perform_function *)dlsym(libs3, "curl_easy_perform");
  real_getinfo = (int (*)(void *, int, ...))dlsym(libs3, "curl_easy_getinfo");
  real_strerror = (const char *(*)(int))dlsym(libs3, "curl_easy_strerror");
  if (!real_setopt || !real_perform || !real_getinfo || !real_strerror) return 1;
  return real_setopt == curl_easy_setopt || real_perform == curl_easy_perform;
}

int cs3_is_exported(void) {
  return dlsym(RTLD_DEFAULT, "curl_easy_setopt") == (void *)curl_easy_setopt &&
         dlsym(RTLD_DEFAULT, "curl_easy_perform") == (void *)curl_easy_perform;
}

void cs3_begin(cs3_call *call) { current = call; }
void cs3_end(void) { current = NULL; }

static char *copy(const char *text) {
  char *made = strdup(text);
  if (!made) abort();
  return made;
}

void cs3_add_header(cs3_additions *additions, const char *line) {
  if (additions->count == MAX_HEADERS) {
    additions->is_full = 1;
    return;
  }
  struct curl_slist *node = &additions->lines[additions->count++];
  node->data = copy(line);
  node->next = NULL;
  if (node != additions->lines) node[-1].next = node;
}

void cs3_replace_url(cs3_additions *additions, const char *url) {
  free(additions->url);
  additions->url = copy(url);
}

// Another program part's call: it goes unchanged to the libcurl of the caller's own library.
static void *function_for(void *caller, const char *name, void *ours) {
  Dl_info info;
  if (dladdr(caller, &info) && info.dli_fname) {
    void *library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    void *found = library ? dlsym(library, name) : NULL;
    if (library) dlclose(library);
    if (found && found != ours) return found;
  }
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) abort();
  return found;
}

int curl_easy_setopt(void *handle, int option, ...) {
  va_list list;
  va_start(list, option);
  void *value = va_arg(list, void *);
  va_end(list);
  cs3_call *call = current;
  if (!call) {
    setopt_function *function =
        (setopt_function *)function_for(__builtin_return_address(0), "curl_easy_setopt", (void *)curl_easy_setopt);
    return function(handle, option, value);
  }
  call->setopt_calls++;
  switch (option) {
    case CURLOPT_URL: call->url = value; break;
    case CURLOPT_HTTPHEADER: call->headers = value; break;
    case CURLOPT_CUSTOMREQUEST: call->custom_method = value; break;
    case CURLOPT_UPLOAD: call->is_upload = (int)(intptr_t)value; break;
    case CURLOPT_NOBODY: call->is_head = (int)(intptr_t)value; break;
    case CURLOPT_WRITEFUNCTION: call->write = (size_t (*)(char *, size_t, size_t, void *))value; break;
    case CURLOPT_WRITEDATA: call->write_data = value; break;
    // libs3 turns verification off, and follows redirects with all our headers.
    case CURLOPT_SSL_VERIFYPEER: value = (void *)1; break;
    case CURLOPT_FOLLOWLOCATION: value = (void *)0; break;
    default: break;
  }
  return real_setopt(handle, option, value);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *data) {
  cs3_call *call = data;
  size_t length = size * count;
  call->head_bytes += length;
  if (call->head_bytes > MAX_HEAD) return 0;
  if (length >= 5 && !memcmp(bytes, "HTTP/", 5)) {
    if (++call->head_count > MAX_HEADS) return 0;
    call->head_begun = seconds();
    call->is_head_whole = 0;
  } else if (length <= 2) {
    call->is_head_whole = 1;
  }
  call->callbacks->header(call->callbacks->context, bytes, length);
  return length;
}

// The upload is read from memory here, not by libs3, so that libcurl can rewind if a kept
// connection is gone.
static size_t on_read(char *buffer, size_t size, size_t count, void *data) {
  cs3_call *call = data;
  size_t rest = call->body_count - call->body_position, room = size * count;
  size_t taken = rest < room ? rest : room;
  if (taken) memcpy(buffer, call->body + call->body_position, taken);
  call->body_position += taken;
  return taken;
}

static int on_seek(void *data, int64_t offset, int origin) {
  cs3_call *call = data;
  if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > call->body_count) return 1;
  call->body_position = (size_t)offset;
  return 0;
}

// Handles the body of an error, or a body that was not requested: ends the transfer if it does not
// end by itself.
static size_t on_unwanted(cs3_call *call, const char *bytes, size_t length) {
  uint64_t before = call->body_bytes - length;
  call->is_unwanted = 1;
  if (before < MAX_ERROR_BODY) {
    size_t room = (size_t)(MAX_ERROR_BODY - before);
    call->callbacks->failure(call->callbacks->context, bytes, length < room ? length : room);
  }
  if (call->body_bytes < MAX_ERROR_BODY) return length;
  call->is_cut = 1;
  return 0;
}

static long status_of(const cs3_call *call) {
  long status = 0;
  if (cs3_is_prepared()) return call->prepared_status;
  real_getinfo(call->handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

// libs3 does not get error answers, because its parser trusts the number of elements in them.
static size_t on_write(char *bytes, size_t size, size_t count, void *data) {
  cs3_call *call = data;
  size_t length = size * count;
  if (!call->body_begun) call->body_begun = seconds();
  call->body_bytes += length;
  long status = status_of(call);
  if (status < 200 || status > 299) return on_unwanted(call, bytes, length);
  if (!call->wants_body) {
    call->outcome->unexpected_count = call->body_bytes;
    return on_unwanted(call, bytes, length);
  }
  if (call->body_bytes > call->target->body_limit) {
    call->outcome->is_too_large = 1;
    return 0;
  }
  if (length >= sizeof call->tail) {
    memcpy(call->tail, bytes + length - sizeof call->tail, sizeof call->tail);
    call->tail_count = sizeof call->tail;
  } else {
    size_t keep = sizeof call->tail - length;
    if (keep > call->tail_count) keep = call->tail_count;
    memmove(call->tail, call->tail + call->tail_count - keep, keep);
    memcpy(call->tail + keep, bytes, length);
    call->tail_count = keep + length;
  }
  return call->write(bytes, size, count, call->write_data);
}

// Whether an answer that arrives byte by byte, so that no idle time-out ends it, has taken too
// long.
static int is_stalled(const cs3_call *call, double now) {
  double limit = (double)call->target->idle_timeout_seconds;
  if (call->head_begun && !call->is_head_whole) return now - call->head_begun > limit;
  if (call->is_unwanted) return now - call->body_begun > limit;
  return call->body_begun && now - call->body_begun > limit + (double)call->body_bytes / MIN_BODY_RATE;
}

// libcurl asks at least once a second.
static int on_progress(void *data, int64_t to_come, int64_t came, int64_t to_go, int64_t went) {
  (void)to_come, (void)came, (void)to_go, (void)went;
  cs3_call *call = data;
  double now = seconds();
  if (is_stalled(call, now)) return call->is_stalled = 1;
  return call->target->is_watched && now - call->begun > 1 &&
         call->callbacks->is_given_up(call->callbacks->context);
}

// Milliseconds until the deadline, 0 without one; negative after it.
static long milliseconds_left(const cs3_call *call) {
  if (call->target->deadline <= 0) return 0;
  double left = (call->target->deadline - seconds()) * 1000;
  if (left < 1) return -1;
  return left > 1e9 ? 1000000000 : (long)left + 1;
}

static int is_dropped(const cs3_call *call, const char *line) {
  if (!strncasecmp(line, "authorization:", 14) || !strncasecmp(line, "x-amz-", 6)) return 1;
  return call->is_upload && (!strncasecmp(line, "content-length:", 15) || !strncasecmp(line, "transfer-encoding:", 18));
}

static int perform(cs3_call *call, void *handle, cs3_additions *additions) {
  const char *method = call->custom_method ? call->custom_method
                       : call->is_upload   ? "PUT"
                       : call->is_head     ? "HEAD"
                                           : "GET";
  const char *composed[MAX_HEADERS];
  int composed_count = 0, has_type = 0;
  for (struct curl_slist *line = call->headers; line; line = line->next) {
    if (!line->data || is_dropped(call, line->data)) continue;
    if (composed_count == MAX_HEADERS) return CURLE_ABORTED_BY_CALLBACK;
    composed[composed_count++] = line->data;
    if (!strncasecmp(line->data, "content-type:", 13)) has_type = 1;
    cs3_add_header(additions, line->data);
  }
  cs3_request request = {method, call->url ? call->url : "", composed, composed_count};
  if (call->callbacks->sign(call->callbacks->context, &request, additions)) return CURLE_ABORTED_BY_CALLBACK;
  // A small body is sent at once: waiting for "100 Continue" costs a round trip.
  if (call->is_upload && call->body_count <= 1 << 20) cs3_add_header(additions, "Expect:");
  int goes_at_once = call->is_upload && call->body_count > 0 && call->body_count < MAX_BODY_WITH_HEADERS;
  if (goes_at_once && !has_type) cs3_add_header(additions, "Content-Type:");
  if (additions->is_full) return CURLE_ABORTED_BY_CALLBACK;
  long timeout = milliseconds_left(call);
  if (timeout < 0) {
    snprintf(call->outcome->text, sizeof call->outcome->text, "its time was over before it began");
    return CURLE_OPERATION_TIMEDOUT;
  }

  call->handle = handle;
  char reason[256] = "";
  int failed = 0;
#define SET(option, value) failed |= real_setopt(handle, option, value)
  SET(CURLOPT_HTTPHEADER, additions->count ? additions->lines : NULL);
  if (additions->url) SET(CURLOPT_URL, additions->url);
  SET(CURLOPT_ERRORBUFFER, reason);
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  SET(CURLOPT_TIMEOUT_MS, timeout);
  if (call->target->ca_file) SET(CURLOPT_CAINFO, call->target->ca_file);
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_MAXREDIRS, 0L);
  SET(CURLOPT_PROTOCOLS, call->target->is_secure ? (long)CURLPROTO_HTTPS : (long)CURLPROTO_HTTP);
  SET(CURLOPT_REDIR_PROTOCOLS, (long)CURLPROTO_HTTPS);
  SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  SET(CURLOPT_CONNECTTIMEOUT, call->target->connect_timeout_seconds);
  SET(CURLOPT_LOW_SPEED_LIMIT, 64L);
  SET(CURLOPT_LOW_SPEED_TIME, call->target->idle_timeout_seconds);
  SET(CURLOPT_TCP_KEEPALIVE, 1L);
  SET(CURLOPT_HEADERFUNCTION, on_header);
  SET(CURLOPT_HEADERDATA, call);
  SET(CURLOPT_WRITEFUNCTION, on_write);
  SET(CURLOPT_WRITEDATA, call);
  call->begun = seconds();
  SET(CURLOPT_NOPROGRESS, 0L);
  SET(CURLOPT_XFERINFOFUNCTION, on_progress);
  SET(CURLOPT_XFERINFODATA, call);
  if (goes_at_once) {
    // The server would wait for a second packet: a twentieth of a small PUT's time.
    SET(CURLOPT_UPLOAD, 0L);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (int64_t)call->body_count);
    SET(CURLOPT_POSTFIELDS, call->body);
    SET(CURLOPT_CUSTOMREQUEST, method);
  } else if (call->is_upload) {
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, call);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, call);
    SET(CURLOPT_INFILESIZE_LARGE, (int64_t)call->body_count);
  }
  int code = CURLE_ABORTED_BY_CALLBACK;
  if (failed) {
    snprintf(reason, sizeof reason, "libcurl refused a setting");
  } else {
    code = cs3_is_prepared() ? cs3_play(call, on_header, on_write) : real_perform(handle);
    long status = status_of(call), time = -1;
    real_getinfo(handle, CURLINFO_FILETIME, &time);
    call->outcome->http_status = status;
    call->outcome->modified = time;
    if (call->is_stalled) {
      code = CURLE_OPERATION_TIMEDOUT;
      snprintf(reason, sizeof reason, "the answer came too slowly");
    }
    // The part of an error that was read is enough.
    if ((call->is_cut || call->is_stalled) && call->is_head_whole && (status < 200 || status > 299)) code = CURLE_OK;
    // The same for a body that should not be there.
    if (call->is_cut && call->outcome->unexpected_count) code = CURLE_OK;
  }
  // The handle outlives this frame in libs3's pool.
  real_setopt(handle, CURLOPT_ERRORBUFFER, NULL);
  real_setopt(handle, CURLOPT_HTTPHEADER, call->headers);
  real_setopt(handle, CURLOPT_NOPROGRESS, 1L);
  if (goes_at_once) {
    real_setopt(handle, CURLOPT_POSTFIELDS, NULL);
    real_setopt(handle, CURLOPT_CUSTOMREQUEST, call->custom_method);
  }
  if (code != CURLE_OK) {
    const char *text = reason[0] ? reason : real_strerror(code);
    snprintf(call->outcome->text, sizeof call->outcome->text, "%s", text);
  }
  return code;
}

int curl_easy_perform(void *handle) {
  cs3_call *call = current;
  if (!call) {
    perform_function *function =
        (perform_function *)function_for(__builtin_return_address(0), "curl_easy_perform", (void *)curl_easy_perform);
    return function(handle);
  }
  call->perform_calls++;
  if (call->is_probe) return CURLE_ABORTED_BY_CALLBACK;
  cs3_additions additions = {.count = 0};
  int code = perform(call, handle, &additions);
  for (int i = 0; i < additions.count; i++) free(additions.lines[i].data);
  free(additions.url);
  call->outcome->curl_code = code;
  return code;
}

const char *cs3_outcome_text(const cs3_outcome *outcome) { return outcome->text; }
int cs3_is_host_not_found(int code) {
  return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY;
}
int cs3_is_proxy_not_found(int code) { return code == CURLE_COULDNT_RESOLVE_PROXY; }
int cs3_is_connection_refused(int code) { return code == CURLE_COULDNT_CONNECT; }
int cs3_is_timeout(int code) { return code == CURLE_OPERATION_TIMEDOUT; }
int cs3_is_cut_short(int code) { return code == CURLE_PARTIAL_FILE; }
int cs3_is_certificate_refused(int code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_ISSUER_ERROR;
}
