#pragma once

#include <cstdint>

#include "sluice/v1/config.pb.h"

namespace sluice {

/// Identifies what a pipeline computes, as part of every pane key (DESIGN §7): pipelines of one
/// name and one spec hash continue each other's windows, a new hash starts new ones.
///
/// Covers what is matched, the stages' plugins with their configs in order, the windows, and
/// max_out_of_order. Not covered, so that changing it keeps open windows: the pipeline's name (the
/// pane key has it already), the stages' names (they only label ledgers), idle_timeout and
/// reorder_max (they say how long and how much to wait, not what to compute).
///
/// Stored for ever: the value for a given spec never changes between releases. Ways to write the
/// same spec (order of matched names, of JSON keys, 5 or 5.0) hash alike. Any thread.
std::uint64_t spec_hash(const v1::PipelineConfig& pipeline);

/// Identifies the part of a config that is not local: plugins, limits, sources, pipelines. Two
/// gateways that run the same document have the same hash, whatever their names and folders.
/// Comparable within one release only. Any thread.
std::uint64_t config_hash(const v1::Config& config);

}  // namespace sluice
