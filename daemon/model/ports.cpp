#include "model/ports.h"

namespace sluice {

void StageOutput::clear() {
  verdicts.clear();
  drops.clear();
  altered.clear();
  derived.clear();
  events.clear();
  settled_passed = 0;
  settled.clear();
  settled_dropped.clear();
  fatal_input.clear();
}

}  // namespace sluice
