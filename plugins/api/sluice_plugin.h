/* The whole contract between the daemon and a plugin, version 1. Plain C, so that a plugin built
 * last year by another compiler still loads.
 *
 * A plugin is one shared object NAME.so that exports one symbol, `sluice_plugin_entry`. What it
 * returns is data (name, version, config schema, rules) and the functions of an instance:
 *
 *   create -> [restore] -> process / on_time / snapshot, in any order -> destroy
 *
 * Threads. [pipeline]: one call at a time per instance, though different instances may be called
 * at once; so a plugin keeps its state in `self`, never in globals. [any]: every thread, at once.
 *
 * Time. `process` and `on_time` stand between a message and its acknowledgement: they must not
 * block, wait, do I/O or start threads. A plugin reads no clock; time is the readings' event time.
 *
 * Growth. Each struct starts with its size as the side that filled it in knew it. Fields are only
 * ever added at the end: read a later field only if `struct_size` reaches behind it. Everything
 * else that changes raises SLUICE_PLUGIN_ABI, and the daemon refuses other numbers.
 *
 * Strings are UTF-8 and end with NUL. Pointers given to a call are borrowed: valid until the call
 * returns, unless it says otherwise. Nothing that one side allocates is freed by the other. */
#ifndef SLUICE_PLUGIN_H
#define SLUICE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_PLUGIN_ABI 1u

#if defined(__GNUC__)
#define SLUICE_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define SLUICE_PLUGIN_EXPORT
#endif

/* Bounds the daemon holds a plugin to. */
#define SLUICE_NAME_BYTES_MAX 64u           /* a plugin's and a rule's name */
#define SLUICE_SCHEMA_BYTES_MAX 65536u      /* config_schema */
#define SLUICE_RULES_MAX 64u                /* rules of one plugin */
#define SLUICE_HELD_MAX 1048576u            /* readings one instance may hold at a time */
#define SLUICE_DERIVED_MAX 65536u           /* readings one call may derive */
#define SLUICE_EVENTS_MAX 1024u             /* events one call may emit */
#define SLUICE_MESSAGE_BYTES_MAX 512u       /* an event's message */
#define SLUICE_ATTRIBUTES_MAX 16u           /* attributes of one event */
#define SLUICE_ATTRIBUTE_BYTES_MAX 256u     /* an attribute's value; its key is a name */
#define SLUICE_SNAPSHOT_BYTES_MAX 67108864u /* one snapshot */

/* How a call went. */
typedef uint32_t sluice_result;
#define SLUICE_OK 0u
#define SLUICE_FAILED 1u     /* see the function; the reason goes to host->log */
#define SLUICE_BAD_CONFIG 2u /* create: `why` says which key is wrong */
#define SLUICE_BAD_STATE 3u  /* restore: `why` says what was found */
#define SLUICE_REFUSED 4u    /* from the daemon: the plugin broke this contract, the call is lost */

/* What the 64 bits of a value mean. */
#define SLUICE_KIND_F64 0u     /* IEEE 754 double; always finite, both ways */
#define SLUICE_KIND_I64 1u     /* two's complement */
#define SLUICE_KIND_U64 2u     /* unsigned */
#define SLUICE_KIND_BOOLEAN 3u /* 0 or 1 */

/* Trust in a value, as OPC UA status. */
#define SLUICE_QUALITY_GOOD 0u
#define SLUICE_QUALITY_UNCERTAIN 1u
#define SLUICE_QUALITY_BAD 2u

/* Set in the source of readings without a time of their own that came while nobody knew what time
 * it was: their event time counts from the boot. The same device has the plain number once it is
 * known. */
#define SLUICE_SOURCE_BOOT_TIME 0x80000000u

/* One value of one series at one event time. */
typedef struct sluice_reading {
  uint32_t struct_size;  /* sizeof(sluice_reading) */
  uint32_t series;       /* of an input, or from derive_series(); never 0 */
  uint32_t source;       /* where it came from: copy it from an input into what you derive */
  uint8_t kind;          /* SLUICE_KIND_ */
  uint8_t quality;       /* SLUICE_QUALITY_ */
  uint16_t reserved;     /* 0 */
  int64_t event_time_ns; /* nanoseconds since 1970 UTC, the sensor's clock; may step back. From 0
                          * to 9191749636854775807, 2261-04-10: a year before the type ends */
  uint64_t bits;         /* the value */
} sluice_reading;

/* The readings of one call as columns of `count` items, in arrival order, or per source in order
 * of event time for an instance that is ordered. */
typedef struct sluice_batch {
  uint32_t struct_size;
  uint32_t count;
  const uint32_t* series;
  const uint32_t* source;
  const int64_t* event_time_ns;
  const uint8_t* kind;
  const uint8_t* quality;
  const uint64_t* bits;
} sluice_batch;

/* How grave an event is: the numbers of OpenTelemetry's logs data model. */
#define SLUICE_SEVERITY_INFO 9u
#define SLUICE_SEVERITY_WARN 13u
#define SLUICE_SEVERITY_ERROR 17u
#define SLUICE_SEVERITY_FATAL 21u

/* What an event says of a condition that lasts. */
#define SLUICE_PHASE_MOMENT 0u /* nothing: it happened and is over */
#define SLUICE_PHASE_BEGIN 1u  /* it holds from now on */
#define SLUICE_PHASE_END 2u    /* it holds no more */

/* One word of context, e.g. "threshold" and "80". Has no size field and never grows. */
typedef struct sluice_attribute {
  const char* key;   /* [a-z0-9_]{1,64}, once per event */
  const char* value; /* 0..SLUICE_ATTRIBUTE_BYTES_MAX bytes */
} sluice_attribute;

/* Something that people should know: an alert, a fault. Counted, kept and synced apart from
 * readings; an event makes no reading pass or go. */
typedef struct sluice_event {
  uint32_t struct_size;     /* sizeof(sluice_event) */
  uint32_t series;          /* what it is about: of an input, or from derive_series(); never 0 */
  uint32_t source;          /* as of a derived reading */
  uint8_t severity;         /* SLUICE_SEVERITY_ */
  uint8_t phase;            /* SLUICE_PHASE_ */
  uint16_t attribute_count; /* 0..SLUICE_ATTRIBUTES_MAX */
  int64_t event_time_ns;    /* as of a reading */
  const char* name;         /* [a-z0-9_]{1,64}: which condition; begin and end have the same */
  const char* message;      /* one sentence, 1..SLUICE_MESSAGE_BYTES_MAX bytes */
  const sluice_attribute* attributes;
} sluice_event;

/* What becomes of one input. Has no size field and never grows. */
typedef struct sluice_verdict {
  uint8_t kind;     /* SLUICE_VERDICT_ */
  uint8_t reserved; /* 0 */
  uint16_t rule;    /* of a drop: index into the descriptor's rules; else 0 */
} sluice_verdict;
#define SLUICE_VERDICT_PASS 0u
#define SLUICE_VERDICT_ALTERED 1u /* emit->alter() gave the new reading */
#define SLUICE_VERDICT_DROP 2u    /* counted under the rule's name */
#define SLUICE_VERDICT_HOLD 3u    /* emit->hold() gave the token; to be settled later */
#define SLUICE_VERDICT_NONE 255u  /* what the daemon fills in before the call: each must be set */

/* The daemon's ear during one call of process() or on_time(): valid until that call returns. The
 * first argument is always the struct itself. A function that answers SLUICE_REFUSED (or hold()
 * with 0 for a bad row) has seen a broken promise: the whole call then counts as failed. */
typedef struct sluice_emit {
  uint32_t struct_size;
  void* ctx; /* the daemon's */

  /* The new reading of an input whose verdict is SLUICE_VERDICT_ALTERED; once per row. `source`
   * is ignored: an altered reading stays of the source it came from. [pipeline] */
  sluice_result (*alter)(const struct sluice_emit* emit, uint32_t row,
                         const sluice_reading* reading);

  /* Adds a reading that the plugin made; it enters the pipeline behind this stage, in addition to
   * what the verdicts let pass. At most SLUICE_DERIVED_MAX a call. [pipeline] */
  sluice_result (*reading)(const struct sluice_emit* emit, const sluice_reading* reading);

  /* Keeps an input whose verdict is SLUICE_VERDICT_HOLD; once per row. Returns the token that
   * settles it, in this call or a later one, also after a restart if the snapshot names it. The
   * plugin copies what it needs of the reading. 0 when SLUICE_HELD_MAX are held, and always for a
   * plugin that is not SLUICE_FLAG_DETERMINISTIC: give that row another verdict. [pipeline] */
  uint64_t (*hold)(const struct sluice_emit* emit, uint32_t row);

  /* Lets a held reading go on as `reading` says (`source` is ignored). Each token is settled
   * once. [pipeline] */
  sluice_result (*settle_pass)(const struct sluice_emit* emit, uint64_t token,
                               const sluice_reading* reading);

  /* Drops a held reading under a rule. [pipeline] */
  sluice_result (*settle_drop)(const struct sluice_emit* emit, uint64_t token, uint32_t rule);

  /* Tells of an event. At most SLUICE_EVENTS_MAX a call. [pipeline] */
  sluice_result (*event)(const struct sluice_emit* emit, const sluice_event* event);
} sluice_emit;

#define SLUICE_LOG_DEBUG 0u
#define SLUICE_LOG_INFO 1u
#define SLUICE_LOG_WARN 2u
#define SLUICE_LOG_ERROR 3u

/* What the daemon does for an instance: valid from create() until destroy() has returned. The
 * first argument is always the struct itself. Texts about a series stay valid just as long. */
typedef struct sluice_host {
  uint32_t struct_size;
  void* ctx; /* the daemon's */

  /* What is measured, e.g. "temperature". NULL for an id that was never given out. [any] */
  const char* (*series_measurement)(const struct sluice_host* host, uint32_t series);

  /* UCUM code, "" when unknown. NULL for an id that was never given out. [any] */
  const char* (*series_unit)(const struct sluice_host* host, uint32_t series);

  /* The value of one label; NULL when the series has none of that name. [any] */
  const char* (*series_label)(const struct sluice_host* host, uint32_t series, const char* name);

  /* The series like `base` (same labels) with another measurement (1..128 bytes) and/or unit
   * (0..64 bytes); NULL keeps base's. The same arguments give the same id for ever, so ids may be
   * kept in a snapshot. 0 when the node keeps no more series, when `base` is unknown, a text is
   * not UTF-8 or too long, or outside process() and on_time(). [pipeline] */
  uint32_t (*derive_series)(const struct sluice_host* host, uint32_t base, const char* measurement,
                            const char* unit);

  /* One line for the operator; cut at 512 bytes, and repeats are left out. [any] */
  void (*log)(const struct sluice_host* host, uint32_t level, const char* message);

  /* A further service of the daemon by its id ("sluice.name/1"): the struct that the service's
   * header names, valid as long as this one, or NULL where the daemon has none such. [any] */
  const void* (*get_extension)(const struct sluice_host* host, const char* id);
} sluice_host;

/* Where snapshot() writes. */
typedef struct sluice_writer {
  uint32_t struct_size;
  void* ctx; /* the daemon's */

  /* Appends; SLUICE_REFUSED past SLUICE_SNAPSHOT_BYTES_MAX. [pipeline] */
  sluice_result (*write)(const struct sluice_writer* writer, const void* bytes, size_t size);
} sluice_writer;

/* Flags of a descriptor. */
#define SLUICE_FLAG_ORDERED 1u       /* wants each source's readings in order of event time */
#define SLUICE_FLAG_DETERMINISTIC 2u /* equal state and calls give equal output: may be replayed \
                                      */

/* What a plugin is. Static: valid as long as the plugin is loaded. */
typedef struct sluice_plugin_descriptor {
  uint32_t abi;         /* SLUICE_PLUGIN_ABI; the first field for ever */
  uint32_t struct_size; /* sizeof(sluice_plugin_descriptor) */

  const char* name;        /* [A-Za-z0-9._-]{1,64}; the file is called NAME.so */
  const char* version;     /* of the plugin, e.g. "1.0.0"; 1..64 bytes */
  const char* description; /* one sentence for the operator */

  /* JSON Schema (draft 2020-12) of the config: an object with defaults, descriptions and units
   * (annotation "unit"). The daemon checks the config against it and fills in the defaults before
   * create(). Keywords it checks: type, properties, required, additionalProperties, minimum,
   * maximum, exclusiveMinimum, exclusiveMaximum, enum, items, minItems, maxItems, minLength,
   * maxLength, minProperties; other validating keywords are refused, not skipped. */
  const char* config_schema;

  const char* const* rules; /* `rule_count` names, [a-z0-9_]{1,64}, of what may drop a reading */
  uint32_t rule_count;
  uint32_t flags;                  /* SLUICE_FLAG_ */
  uint64_t state_bytes_per_series; /* memory per series seen, for the node's budget */

  /* Builds an instance from its config, a JSON object. On SLUICE_OK the daemon owns *self and
   * gives it back once, to destroy(). On SLUICE_BAD_CONFIG writes to `why` (at most `why_size`
   * bytes with the NUL) which key is wrong and what is accepted; *self is then ignored. [any] */
  sluice_result (*create)(const sluice_host* host, const char* config_json, void** self, char* why,
                          size_t why_size);

  /* Frees an instance; readings it held are no longer its business. [any] */
  void (*destroy)(void* self);

  /* Sets one verdict per row. On SLUICE_FAILED, or a broken promise, the daemon discards all that
   * the call said: its input passes by, what it held stays held, what it settled is not settled.
   * The instance stays in use. [pipeline] */
  sluice_result (*process)(void* self, const sluice_batch* batch, sluice_verdict* verdicts,
                           const sluice_emit* emit);

  /* Nothing with an event time before `watermark_ns` is expected any more. May settle, and emit
   * readings; alter() and hold() have no row here. NULL: not wanted. Fails as process(). [pipeline]
   */
  sluice_result (*on_time)(void* self, int64_t watermark_ns, const sluice_emit* emit);

  /* Writes all state, so that an instance of the same config that restores it answers every later
   * call alike. Changes nothing. NULL: the instance has no state. [pipeline] */
  sluice_result (*snapshot)(void* self, const sluice_writer* writer);

  /* Takes over a snapshot, before the first process(). `version` is that of the plugin which wrote
   * it. The bytes may be damaged: SLUICE_BAD_STATE and `why` then; the instance is destroyed
   * next. NULL exactly if snapshot is. [pipeline] */
  sluice_result (*restore)(void* self, const void* bytes, size_t size, const char* version,
                           char* why, size_t why_size);

  /* Whether this instance, as configured, is ordered: 1 or 0, the same for all its life. NULL:
   * SLUICE_FLAG_ORDERED holds for every instance. [any] */
  uint32_t (*ordered)(void* self);

  /* A further ability by its id ("sluice.name/1"): the struct that the ability's header names,
   * static, or NULL. NULL: there are none. [any] */
  const void* (*get_extension)(const char* id);
} sluice_plugin_descriptor;

/* The one exported symbol. Never returns NULL; cheap, and without side effects. [any] */
#define SLUICE_PLUGIN_ENTRY "sluice_plugin_entry"
typedef const sluice_plugin_descriptor* (*sluice_plugin_entry_function)(void);
SLUICE_PLUGIN_EXPORT const sluice_plugin_descriptor* sluice_plugin_entry(void);

#ifdef __cplusplus
}
#endif

#endif /* SLUICE_PLUGIN_H */
