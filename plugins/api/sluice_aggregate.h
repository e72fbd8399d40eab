/* The ability "sluice.aggregate/1": a plugin gives windows one more aggregate, which the daemon
 * keeps beside count, mean and quantiles, sends with every pane, and which the hub merges with this
 * same code. The descriptor's get_extension() answers SLUICE_AGGREGATE with a sluice_aggregate.
 *
 * State. Each window has `state_bytes` of plain memory, aligned to 8, all of the aggregate's state:
 * the daemon copies and frees it as bytes, so it holds no pointers and nothing that must be closed.
 *
 * Order. Readings come in any order, each once; parts are merged in any order and grouping. Equal
 * readings must come to equal results, up to rounding: what a day comes to may not depend on how
 * its minutes arrived.
 *
 * Trust. It runs in the daemon, between a message and its acknowledgement, whatever the isolation
 * of stages: the functions must not block, do I/O, start threads or throw, and take a bounded time.
 * A call that fails costs the aggregate of that window, which goes upstream as not known; an event
 * (aggregate_failed) says which function failed, and how.
 *
 * Bounds. A window takes state_bytes of memory, rounded up to 8, for as long as it is kept. The
 * daemon allocates them, and may have up to three times as much more: a copy while a pane is made,
 * and two of a window that was open at a start and takes readings before the hub has answered. What
 * `self` allocates nobody counts, so keep it to what the config needs. save() may write
 * saved_bytes_max: the daemon counts as the bytes come and refuses the write that goes beyond; the
 * call has failed then, whatever it answers, and nothing that it wrote is kept. A pane is saved
 * once, when it is made, and lacks the aggregate where that fails; a checkpoint saves each window
 * again, and where that fails the window has lost the aggregate after a restart, not before. In a
 * checkpoint 192 bytes, the config and the larger of both sizes are set aside for each window that
 * limits.windows_max allows, as many as fit into a sixth of storage.quota. Where fewer than 1000
 * fit, a config is refused, a reload too, and a start parks the pipeline.
 *
 * Sizes, strings and growth as in sluice_plugin.h. */
#ifndef SLUICE_AGGREGATE_H
#define SLUICE_AGGREGATE_H

#include "sluice_plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_AGGREGATE "sluice.aggregate/1"

#define SLUICE_AGGREGATE_BYTES_MAX 65536u /* state_bytes and saved_bytes_max of one window */
#define SLUICE_AGGREGATE_RESULTS_MAX 16u

/* One number that the aggregate comes to. Has no size field and never grows. */
typedef struct sluice_aggregate_result {
  const char* name;        /* [a-z0-9_]{1,64}, once per aggregate */
  const char* unit;        /* UCUM code, 0..64 bytes; "1": a plain number; "": the series' own */
  const char* description; /* one sentence for the operator, 1..512 bytes */
} sluice_aggregate_result;

/* What one configuration takes. The same for all the life of `self`. */
typedef struct sluice_aggregate_sizes {
  uint32_t struct_size;     /* sizeof(sluice_aggregate_sizes) as the daemon knows it */
  uint32_t state_bytes;     /* 1..SLUICE_AGGREGATE_BYTES_MAX */
  uint32_t saved_bytes_max; /* most that save() writes; 1..SLUICE_AGGREGATE_BYTES_MAX */
} sluice_aggregate_sizes;

/* What the ability is. Static: valid as long as the plugin is loaded. */
typedef struct sluice_aggregate {
  uint32_t struct_size; /* sizeof(sluice_aggregate) */
  uint32_t flags;       /* 0 */

  const char* description;   /* one sentence for the operator, 1..1024 bytes */
  const char* config_schema; /* as the descriptor's; a config of one aggregate is at most 1024
                              * bytes of JSON with all defaults */

  const sluice_aggregate_result* results; /* 1..SLUICE_AGGREGATE_RESULTS_MAX */
  uint32_t result_count;
  uint32_t reserved; /* 0 */

  /* Reads a config, a JSON object with all defaults. On SLUICE_OK the daemon owns *self and gives
   * it back once, to close(). On SLUICE_BAD_CONFIG `why` says which key is wrong. Afterwards *self
   * is only read: calls with one self and different states may come at once. [any] */
  sluice_result (*open)(const char* config_json, void** self, char* why, size_t why_size);

  /* After the last state is gone. [any] */
  void (*close)(void* self);

  /* Fills in `sizes`, as far as its struct_size reaches. [any] */
  void (*sizes)(void* self, sluice_aggregate_sizes* sizes);

  /* Makes the state of a window without readings, from zeroed memory. [any] */
  void (*init)(void* self, void* state);

  /* Folds one reading: ns since 1970 UTC, and a finite value in the unit of the series; -0.0 comes
   * as 0. Other than SLUICE_OK: the state is given up. [any] */
  sluice_result (*add)(void* self, void* state, int64_t event_time_ns, double value);

  /* Folds another window's state; `state` and `other` differ. Fails as add(). [any] */
  sluice_result (*merge)(void* self, void* state, const void* other);

  /* Makes every event time in the state later by so many ns, or earlier: a node that did not know
   * the time counted from its boot, and the hub learns later when that was. Fails as add(). NULL:
   * the state holds no times. [any] */
  sluice_result (*move_by)(void* self, void* state, int64_t ns);

  /* Writes the state as bytes that any machine, and any later version of this plugin, can read;
   * equal states as equal bytes. At least one; the writer refuses more than saved_bytes_max. Fails
   * as add(), but the state stays. [any] */
  sluice_result (*save)(void* self, const void* state, const sluice_writer* writer);

  /* Makes a state from what save() of `version` wrote, for an aggregate of the same config. The
   * bytes may come from anywhere: SLUICE_BAD_STATE and `why` for all that save() cannot have
   * written. `state` is zeroed memory. [any] */
  sluice_result (*restore)(void* self, void* state, const void* bytes, size_t size,
                           const char* version, char* why, size_t why_size);

  /* Writes `result_count` numbers, in the order of `results`; they come filled with NaN, which
   * means that there is none, as of a window without readings. [any] */
  void (*result)(void* self, const void* state, double* values);
} sluice_aggregate;

#ifdef __cplusplus
}
#endif

#endif /* SLUICE_AGGREGATE_H */
