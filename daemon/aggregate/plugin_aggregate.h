#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace sluice {

/// Which aggregate of a plugin it is: one plugin and config has one meaning, whatever its version.
struct PluginAggregateKey {
  std::string plugin;
  std::string config_json;  ///< with all defaults, keys sorted
  friend bool operator==(const PluginAggregateKey&, const PluginAggregateKey&) = default;
};

/// What a plugin's aggregate is called, and what it comes to.
struct PluginAggregateIdentity {
  PluginAggregateKey key;
  std::string version;                    ///< of the plugin; empty: none has ever been here
  std::vector<std::string> result_names;  ///< none: not known here
};

/// Bounds of what is kept and sent; plugins/api/sluice_aggregate.h has the others.
inline constexpr std::size_t kPluginAggregateConfigBytesMax = 1024;
inline constexpr std::size_t kPluginAggregateBytesMax = 65536;
inline constexpr std::size_t kPluginAggregateResultsMax = 16;
/// Of one set of windows.
inline constexpr std::size_t kPluginAggregatesMax = 4;

/// An aggregate as a loaded plugin supplies it, for one config (`plugin_host/aggregate_library.h`).
/// A state is `state_bytes()` of memory aligned to 8, which may be copied as bytes. What fails says
/// so, and leaves a state that is not to be used. Any thread; calls with different states at once.
class AggregateType {
 public:
  virtual ~AggregateType() = default;
  virtual const PluginAggregateIdentity& identity() const = 0;
  const PluginAggregateKey& key() const { return identity().key; }
  virtual std::size_t state_bytes() const = 0;
  virtual std::size_t saved_bytes_max() const = 0;

  /// `state` is zeroed.
  virtual bool init(std::byte* state) const = 0;
  virtual bool add(std::byte* state, std::int64_t event_time_ns, double value) const = 0;
  virtual bool merge(std::byte* state, const std::byte* other) const = 0;
  virtual bool move_by(std::byte* state, std::int64_t ns) const = 0;
  /// Appends 1 to saved_bytes_max() bytes.
  virtual bool save(const std::byte* state, std::string& out) const = 0;
  virtual bool restore(std::byte* state, std::string_view bytes,
                       const std::string& version) const = 0;
  /// `values`: one for each name, NaN until it is set; what is not finite is none either.
  virtual bool result(const std::byte* state, std::span<double> values) const = 0;

  /// Calls that failed so far.
  virtual std::uint64_t failures() const { return 0; }
  /// Which call failed last and what it did, for people: at most 256 bytes of UTF-8 on one line,
  /// e.g. `add: 'answered 3'`. Null: none did, or nothing is known of it.
  virtual std::shared_ptr<const std::string> failure() const { return nullptr; }
};

/// The type of a key; null where there is none.
using FindAggregateType =
    std::function<std::shared_ptr<const AggregateType>(const PluginAggregateKey&)>;

/// What a plugin's aggregate holds of one window. In one of three conditions:
///
/// - open: it has its type; it takes readings, merges with its like, and can be read.
/// - sealed: bytes and results as some node's plugin wrote them; they can be read and passed on. It
///   takes and merges nothing until open_with() finds the type.
/// - lost: a call of the plugin failed, or what it once saved cannot be read by it now. It has no
///   results, and neither has what it is merged into: half the readings would look like all.
///
/// See Aggregate. Two that merge have one key; the versions may differ.
class PluginAggregate {
 public:
  /// Open, without readings.
  explicit PluginAggregate(std::shared_ptr<const AggregateType> type);
  /// Sealed, or lost where `saved` is empty. One result for each name, NaN for none.
  PluginAggregate(std::shared_ptr<const PluginAggregateIdentity> identity, std::string saved,
                  std::vector<double> results);
  static PluginAggregate lost_of(PluginAggregateKey key);

  bool add(std::int64_t event_time_ns, double value);
  /// `invalid_argument` for another key, and when one of both is sealed.
  Status merge(const PluginAggregate& other);
  /// Of a sealed one: it is open or, when the plugin refuses the bytes, as it was. False then, and
  /// without a type.
  bool open_with(std::shared_ptr<const AggregateType> type);
  /// As open_with(), but what the plugin refuses is lost, and open for what comes after. With
  /// another type nothing happens.
  void go_on_with(std::shared_ptr<const AggregateType> type);
  /// Event times become later by so much; of a sealed one they stay.
  void move_by(std::int64_t ns);
  void lose();
  /// Of an open one: it is saved, once for all, and sealed or, when that fails, lost. What it comes
  /// to was taken first. Whoever measures, sends or stores it has the same bytes from here on.
  void seal();

  const PluginAggregateIdentity& identity() const {
    return open() ? type_->identity() : *sealed_->identity;
  }
  const PluginAggregateKey& key() const { return identity().key; }
  /// One for each name, NaN for none; empty when lost or not known here.
  std::vector<double> results() const;
  bool open() const { return type_ != nullptr; }
  bool lost() const { return lost_; }
  /// go_on_with() is what it was lost by.
  bool refused() const { return refused_; }
  /// Of what was lost by a call here, or cannot be opened by the type that it was given: what that
  /// call did, as AggregateType::failure(). Null of all else, whatever failed elsewhere.
  const std::string* fault() const { return fault_.get(); }
  /// As it travels; empty when lost.
  std::string saved() const;

  void snapshot(ByteWriter& writer) const;
  /// What was open is sealed, without results.
  static Result<PluginAggregate> restore(ByteReader& reader);
  std::size_t state_bytes() const;

 private:
  struct Sealed {
    std::shared_ptr<const PluginAggregateIdentity> identity;
    std::string saved;
    std::vector<double> results;  ///< empty: not known here
  };
  struct Zeroed {};
  PluginAggregate(std::shared_ptr<const AggregateType> type, Zeroed);
  bool take_back(const std::string& saved, const std::string& version);
  void lose_by(const AggregateType& type);
  /// Of a sealed one.
  PluginAggregate opened_with(std::shared_ptr<const AggregateType> type) const;
  std::byte* state() { return reinterpret_cast<std::byte*>(words_.data()); }
  const std::byte* state() const { return reinterpret_cast<const std::byte*>(words_.data()); }

  std::shared_ptr<const AggregateType> type_;  ///< null: sealed, or lost and never open
  std::vector<std::uint64_t> words_;           ///< the open state; empty when lost
  std::shared_ptr<const Sealed> sealed_;       ///< set unless type_ is
  std::shared_ptr<const std::string> fault_;
  bool lost_ = false;
  bool refused_ = false;
};

}  // namespace sluice
