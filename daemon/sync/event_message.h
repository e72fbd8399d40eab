#pragma once

#include "model/event.h"
#include "model/series.h"
#include "sluice/v1/event.pb.h"

namespace sluice {

/// An event as the protos have it. `topics` says where its readings came from.
void write_event(const ToldEvent& told, const TopicTable& topics, v1::Event& out);

}  // namespace sluice
