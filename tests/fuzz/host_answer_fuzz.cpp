#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "plugin_host/call_record.h"
#include "plugin_host/host_messages.h"
#include "plugin_host/plugin_call.h"

// Any bytes as a message of a plugin's process, and as the record of a call: what is taken keeps
// the contract.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto done = read_done(bytes); done.ok()) {
    std::string again;
    write_done(*done, again);
    if (!read_done(again).ok()) std::abort();
  }
  if (const auto metadata = decode_metadata(bytes); metadata.ok()) {
    (void)check_metadata(*metadata, "p").ok();
    if (encode_metadata(*metadata).empty()) std::abort();
  }
  (void)decode_traits(bytes).ok();
  (void)read_ask_series(bytes).ok();
  (void)read_ask_derive(bytes).ok();
  (void)read_process(bytes).ok();
  (void)read_restore(bytes).ok();

  SeriesTable table(10);
  const SeriesId series = table.intern({"m", "", {}});
  HeldReadings held(4);
  PluginCall call(table, held, 2);
  ReadingBatch in;
  for (int i = 0; i < 5; ++i) in.append({series, 1, i, Value::of(1.0 * i), Quality::good});
  call.begin(&in);
  CallRecorder recorder;
  recorder.begin(call.emit());
  if (!apply_call_record(bytes, 5, call.verdicts(), recorder.emit()).ok()) {
    call.abandon();
    return 0;
  }
  const auto record = recorder.finish(call.verdicts(), 5);
  StageOutput out;
  if (!call.finish(out).ok()) return 0;
  if (!record.ok() || out.verdicts.size() != 5) std::abort();
  // Said again, it is the same.
  HeldReadings held_again(4);
  PluginCall call_again(table, held_again, 2);
  call_again.begin(&in);
  StageOutput out_again;
  if (!apply_call_record(*record, 5, call_again.verdicts(), call_again.emit()).ok()) std::abort();
  if (!call_again.finish(out_again).ok() || out_again.verdicts != out.verdicts ||
      out_again.events != out.events || held_again.size() != held.size()) {
    std::abort();
  }
  return 0;
}
