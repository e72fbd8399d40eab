#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/log.h"
#include "node/rehearsal_stream.h"
#include "schema/config_reader.h"

namespace {

std::string setup() {
  sluice::v1::RehearsalSetup setup;
  *setup.mutable_config() = sluice::load_config_text(R"(
node: {name: n}
sources: [{name: s, mqtt: {url: "tcp://h:1", topics: [{pattern: "#"}]}}]
pipelines:
  - {name: a, windows: [{tumbling: 1s, empty: true}, {sliding: {size: 2s}}], max_out_of_order: 1s}
  - {name: b, windows: [{session: {gap: 1s}}, {count: 3}]}
)",
                                                     "fuzz.yaml", {})
                                .config;
  setup.add_recorded_sources("s");
  return setup.SerializeAsString();
}

}  // namespace

// A rehearsal of a config without plugins takes whatever frames come, to the end or to an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const std::string kSetup = [] {
    sluice::log::use_stderr();
    sluice::log::configure(sluice::log::Level::error, sluice::log::Format::logfmt);
    return setup();
  }();
  sluice::RehearsalSession session;
  SLUICE_ASSERT(session.take({sluice::RehearsalFrame::setup, kSetup}).ok());
  sluice::FrameCutter cutter;
  cutter.push(std::string_view(reinterpret_cast<const char*>(bytes), size));
  while (!session.ended()) {
    const auto frame = cutter.next();
    if (!frame.ok() || !*frame || !session.take(**frame).ok()) break;
  }
  const auto report = session.report();
  SLUICE_ASSERT(report.pipelines_size() == 2);
  return 0;
}
