// libs3's functions, reached through pointers: the library is opened at first use.
#define _GNU_SOURCE
#include "boundary.h"
#include <dlfcn.h>
#include <libs3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The structures of libs3's versions differ, so only the version of the header may be opened.
// Version 4 has a region and a time limit in every call; ours are in the boundary.
#ifdef S3_DEFAULT_REGION
static const char library_name[] = "libs3.so.4";
#define TIME_LIMIT , 0
#else
static const char library_name[] = "libs3.so.2";
#define TIME_LIMIT
#endif

// libs3 signs with these keys. The boundary drops its signature, so libs3 never learns the real
// keys.
static const char placeholder[] = "unused";

static struct {
  __typeof__(S3_initialize) *initialize;
  __typeof__(S3_put_object) *put;
  __typeof__(S3_get_object) *get;
  __typeof__(S3_head_object) *head;
  __typeof__(S3_delete_object) *delete;
  __typeof__(S3_list_bucket) *list;
  __typeof__(S3_create_bucket) *create;
} libs3;

static S3Status on_properties(const S3ResponseProperties *properties, void *data) {
  (void)properties;
  (void)data;
  return S3StatusOK;
}

static void on_complete(S3Status status, const S3ErrorDetails *details, void *data) {
  (void)details;
  cs3_call *call = data;
  call->outcome->libs3_status = status;
}

static int on_upload(int size, char *buffer, void *data) {
  (void)size;
  (void)buffer;
  (void)data;
  return -1;  // never called: the boundary reads the upload itself
}

static S3Status on_object(int size, const char *buffer, void *data) {
  cs3_call *call = data;
  int failed = call->callbacks->receive(call->callbacks->context, buffer, (size_t)size);
  return failed ? S3StatusAbortedByCallback : S3StatusOK;
}

static S3Status on_entries(int is_truncated, const char *next, int count, const S3ListBucketContent *entries,
                           int prefix_count, const char **prefixes, void *data) {
  (void)next;
  (void)prefix_count;
  (void)prefixes;
  cs3_call *call = data;
  if (is_truncated) call->outcome->is_truncated = 1;
  for (int i = 0; i < count; i++) {
    call->callbacks->entry(call->callbacks->context, entries[i].key, entries[i].eTag ? entries[i].eTag : "",
                           entries[i].size, entries[i].lastModified);
  }
  return S3StatusOK;
}

static const S3ResponseHandler on_response = {on_properties, on_complete};

static S3BucketContext context_of(const cs3_target *target) {
  S3BucketContext context;
  memset(&context, 0, sizeof context);
  context.hostName = target->host;
  context.bucketName = target->bucket;
  context.protocol = target->is_secure ? S3ProtocolHTTPS : S3ProtocolHTTP;
  context.uriStyle = target->is_virtual ? S3UriStyleVirtualHost : S3UriStylePath;
  context.accessKeyId = placeholder;
  context.secretAccessKey = placeholder;
  return context;
}

static int resolve(void *library) {
#define RESOLVE(field, name) \
  if (!(libs3.field = (__typeof__(libs3.field))dlsym(library, name))) return 1
  RESOLVE(initialize, "S3_initialize");
  RESOLVE(put, "S3_put_object");
  RESOLVE(get, "S3_get_object");
  RESOLVE(head, "S3_head_object");
  RESOLVE(delete, "S3_delete_object");
  RESOLVE(list, "S3_list_bucket");
  RESOLVE(create, "S3_create_bucket");
  return 0;
}

// Drives libs3 once with a host that no URL can hold, so that not a byte could leave, even past the
// boundary.
static int reaches_boundary(void) {
  cs3_target target = {.host = "[", .bucket = "probe"};
  cs3_outcome outcome = {.http_status = 0};
  cs3_call call = {.target = &target, .outcome = &outcome, .is_probe = 1};
  S3BucketContext context = context_of(&target);
  cs3_begin(&call);
  libs3.head(&context, "probe", NULL TIME_LIMIT, &on_response, &call);
  cs3_end();
  return call.perform_calls == 1 && call.setopt_calls > 0 && call.url && !strcmp(call.url, "http://[/probe/probe");
}

static char reason[512];

static void load(void) {
  if (!cs3_is_exported()) {
    snprintf(reason, sizeof reason,
             "this program was linked without exporting curl_easy_setopt and curl_easy_perform, so requests could "
             "not be signed and certificates not verified; nothing was sent");
    return;
  }
  void *library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = dlerror();
    snprintf(reason, sizeof reason, "%s is needed for S3 and could not be opened (%s); install libs3",
             library_name, why ? why : "no reason given");
    return;
  }
  if (resolve(library) || cs3_bind_curl(library)) {
    snprintf(reason, sizeof reason, "%s is not the libs3 this program was built for; nothing was sent", library_name);
    return;
  }
  if (libs3.initialize("sqlite3-cloud-s3", S3_INIT_ALL, NULL) != S3StatusOK) {
    snprintf(reason, sizeof reason, "libs3 could not be initialized");
    return;
  }
  // Listings are parsed by libxml2, whose first use should not happen on several threads at once.
  void (*initialize_parser)(void) = (void (*)(void))dlsym(library, "xmlInitParser");
  if (initialize_parser) initialize_parser();
  if (!reaches_boundary()) {
    snprintf(reason, sizeof reason,
             "libs3's calls into libcurl do not pass this program, so requests could not be signed and certificates "
             "not verified; nothing was sent");
  }
}

int cs3_load(const char **why) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  *why = reason;
  return reason[0] != 0;
}

static int begin(cs3_call *call, const cs3_target *target, const cs3_callbacks *callbacks, cs3_outcome *outcome) {
  memset(outcome, 0, sizeof *outcome);
  outcome->modified = -1;
  memset(call, 0, sizeof *call);
  call->target = target;
  call->callbacks = callbacks;
  call->outcome = outcome;
  const char *why;
  if (cs3_load(&why)) {
    outcome->is_refused = 1;
    snprintf(outcome->text, sizeof outcome->text, "%s", why);
    return 1;
  }
  const char *log = getenv("SSLKEYLOGFILE");
  if (target->is_secure && log && *log) {
    outcome->is_refused = 1;
    snprintf(outcome->text, sizeof outcome->text,
             "SSLKEYLOGFILE is set, so the TLS library would write the keys of each connection to a file; unset it");
    return 1;
  }
  cs3_begin(call);
  return 0;
}

static void end(cs3_call *call) {
  cs3_end();
  if (call->perform_calls == 0) {
    // libs3 refused the request before it called libcurl, for instance for a bucket's name that it
    // does not accept.
    call->outcome->is_refused = 1;
    snprintf(call->outcome->text, sizeof call->outcome->text, "libs3 refused the request (status %d)",
             call->outcome->libs3_status);
  }
}

void cs3_put(const cs3_target *target, const char *key, const uint8_t *bytes, size_t count,
             const cs3_callbacks *callbacks, cs3_outcome *outcome) {
  cs3_call call;
  if (begin(&call, target, callbacks, outcome)) return;
  call.body = bytes;
  call.body_count = count;
  S3BucketContext context = context_of(target);
  S3PutObjectHandler handler = {on_response, on_upload};
  libs3.put(&context, key, count, NULL, NULL TIME_LIMIT, &handler, &call);
  end(&call);
}

void cs3_get(const cs3_target *target, const char *key, uint64_t start, uint64_t count,
             const cs3_callbacks *callbacks, cs3_outcome *outcome) {
  cs3_call call;
  if (begin(&call, target, callbacks, outcome)) return;
  call.wants_body = 1;
  S3BucketContext context = context_of(target);
  S3GetObjectHandler handler = {on_response, on_object};
  libs3.get(&context, key, NULL, start, count, NULL TIME_LIMIT, &handler, &call);
  end(&call);
}

void cs3_head(const cs3_target *target, const char *key, const cs3_callbacks *callbacks, cs3_outcome *outcome) {
  cs3_call call;
  if (begin(&call, target, callbacks, outcome)) return;
  S3BucketContext context = context_of(target);
  libs3.head(&context, key, NULL TIME_LIMIT, &on_response, &call);
  end(&call);
}

void cs3_delete(const cs3_target *target, const char *key, const cs3_callbacks *callbacks, cs3_outcome *outcome) {
  cs3_call call;
  if (begin(&call, target, callbacks, outcome)) return;
  S3BucketContext context = context_of(target);
  libs3.delete(&context, key, NULL TIME_LIMIT, &on_response, &call);
  end(&call);
}

void cs3_list(const cs3_target *target, const char *prefix, const char *marker, int limit,
              const cs3_callbacks *callbacks, cs3_outcome *outcome) {
  static const char closing[] = "</ListBucketResult>";
  cs3_call call;
  if (begin(&call, target, callbacks, outcome)) return;
  call.wants_body = 1;
  S3BucketContext context = context_of(target);
  S3ListBucketHandler handler = {on_response, on_entries};
  libs3.list(&context, prefix, marker, NULL, limit, NULL TIME_LIMIT, &handler, &call);
  end(&call);
  size_t length = call.tail_count;
  while (length && (call.tail[length - 1] == '\n' || call.tail[length - 1] == '\r')) length--;
  outcome->is_whole = length >= sizeof closing - 1 &&
                      !memcmp(call.tail + length - (sizeof closing - 1), closing, sizeof closing - 1);
}

void cs3_create_bucket(const cs3_target *target, const uint8_t *bytes, size_t count,
                       const cs3_callbacks *callbacks, cs3_outcome *outcome) {
  cs3_call call;
  if (begin(&call, target, callbacks, outcome)) return;
  call.body = bytes;
  call.body_count = count;
#ifdef S3_DEFAULT_REGION
  libs3.create(target->is_secure ? S3ProtocolHTTPS : S3ProtocolHTTP, placeholder, placeholder, NULL, target->host,
               target->bucket, NULL, S3CannedAclPrivate, NULL, NULL, 0, &on_response, &call);
#else
  libs3.create(target->is_secure ? S3ProtocolHTTPS : S3ProtocolHTTP, placeholder, placeholder, target->host,
               target->bucket, S3CannedAclPrivate, NULL, NULL, &on_response, &call);
#endif
  end(&call);
}
