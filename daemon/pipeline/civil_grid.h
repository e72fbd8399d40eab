#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"

namespace sluice {

/// Windows by the clock on the wall: they begin whenever local time shows `offset` + a multiple of
/// `size`, counted from 1970-01-01 00:00 local time. Days of 23 and 25 hours are windows like the
/// others, and so is an hour that comes twice; where the clock is put past such a moment, the
/// window begins when it is, and where it is put back to it before the window is over, the window
/// goes on. The windows of a zone cover all time without a gap or an overlap.
///
/// The zone's rules are the machine's (tzdata), read once. Thread: one at a time.
class CivilGrid {
 public:
  /// In [start, end), ns since 1970 UTC.
  struct Span {
    std::int64_t start_ns = 0;
    std::int64_t end_ns = 0;
    friend bool operator==(const Span&, const Span&) = default;
  };

  /// `zone`: as in the IANA time zone database, e.g. "Europe/Berlin"; `not_found` when this machine
  /// does not know it. size > 0, 0 <= offset < size.
  static Result<std::shared_ptr<const CivilGrid>> create(const std::string& zone,
                                                         std::int64_t size_ns,
                                                         std::int64_t offset_ns);
  ~CivilGrid();
  CivilGrid(const CivilGrid&) = delete;
  CivilGrid& operator=(const CivilGrid&) = delete;

  /// The window that holds this moment.
  Span span_at(std::int64_t time_ns) const;

 private:
  class Zone;

  CivilGrid(std::unique_ptr<const Zone> zone, std::int64_t size_ns, std::int64_t offset_ns);
  std::int64_t label_of(std::int64_t local_ns) const;
  std::int64_t start_of(std::int64_t time_ns) const;
  std::int64_t end_of(std::int64_t time_ns) const;

  const std::unique_ptr<const Zone> zone_;
  const std::int64_t size_ns_;
  const std::int64_t offset_ns_;
  mutable Span last_;  ///< what was asked for last: readings of one window come together
};

}  // namespace sluice
