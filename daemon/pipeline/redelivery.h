#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <memory>

#include "base/bytes.h"
#include "base/status.h"
#include "model/log.h"
#include "model/message.h"

namespace sluice {

/// Tells a redelivered message from a new one, per source.
///
/// After a reconnect the broker sends again, in order and with DUP=1, what it holds no ack for: the
/// run. We store in the order of sending and acks leave in order, so what the broker holds and we
/// have stored is the end of what we stored, the tail (less what expired at the broker); what it
/// holds and we never saw follows. Two messages it holds never share a packet id, so a message
/// whose id and content stand in the tail is a copy, unless the broker has reused that id for an
/// equal message that was lost on its way to us.
///   - Ids that rise (mosquitto, EMQX): that cannot be. Exact.
///   - Ids that are reused (HiveMQ: the lowest free one): where the payload carries its time, equal
///     messages are the same reading, and a copy is a duplicate. Else nobody can tell: it is kept,
///     as doubt.
///   - Not known yet: only a run that begins with id 1 could come from a broker of the second kind,
///     for which every lower id must be in use (and have come before: such a broker lets nothing
///     expire that it has sent). Such a run counts as the second kind.
/// A session may come back after another one (two brokers behind one address): the tail of the last
/// one that was lost is kept aside. An equal message under an equal id is its copy where payloads
/// carry their time, and changes over to it; else it is doubt. So is every run of a session that
/// the broker has and we know nothing of.
/// State changes by `connected` and `take` alone, which a replay repeats. Thread: [pipeline].
class Redelivery {
 public:
  enum class Answer : std::uint8_t { fresh, duplicate, doubt };

  /// As far as ids that rise can be told apart, half their circle: a source that has had so many
  /// messages uses half a MiB for it.
  static constexpr std::size_t kTailMax = 32'767;

  /// `arrival_stamped`: payloads carry no time, so two equal ones may be two readings.
  explicit Redelivery(bool arrival_stamped, std::size_t tail_max = kTailMax);

  static Fingerprint fingerprint(const IngestEvent& message);

  /// A connection begins. Without a session the broker has forgotten us, packet ids start anew.
  void connected(bool session_present);
  /// The next message of QoS 1. All but duplicates are stored with the entry that holds `print`.
  Answer take(const Fingerprint& print);
  bool session_known() const { return session_known_; }

  void snapshot(ByteWriter& out) const;
  Status restore(ByteReader& in);

 private:
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
  struct Held {
    std::uint16_t packet_id;
    bool doubtful;   ///< perhaps acknowledged: it comes after a match that was doubt
    bool confirmed;  ///< sent on this connection: the broker held it when the connection began
    std::uint64_t hash;
  };

  void begin_run();
  void put_aside();
  void swap_session(Redelivery& other);
  bool is_of_aside(const Fingerprint& print) const;
  void take_up_aside();
  std::size_t find(std::uint16_t packet_id) const;
  Answer judge(std::size_t match);
  bool behind_tail(std::uint16_t packet_id) const;
  void learn(const Fingerprint& print);
  void append(const Fingerprint& print);
  void forget_reused(std::size_t index);
  void forget_unconfirmed(std::size_t end);
  void forget_oldest();

  std::size_t tail_max_;
  bool arrival_stamped_;
  bool session_known_ = false;
  bool strange_ = false;               ///< what came before in this session, we do not know
  std::unique_ptr<Redelivery> aside_;  ///< the last lost session that had a tail, or null
  // Of the session.
  std::deque<Held> tail_;  ///< packet ids are distinct
  std::unique_ptr<std::bitset<65536>> in_tail_;
  std::uint16_t last_id_ = 0;   ///< of the message stored last
  bool rising_ = false;         ///< it was seen to pass over lower ids that were free
  std::size_t reuse_seen_ = 0;  ///< messages until the last reuse has left the tail; 0: none
  // Of the connection.
  bool kept_session_ = false;  ///< the broker had one
  std::size_t limit_ = 0;      ///< end of what was stored before it
  std::size_t cursor_ = 0;     ///< next place of the tail that the run may match
  std::size_t kept_ = 0;       ///< messages of the run that were not duplicates
  bool aligned_ = false;       ///< a message of the run is a copy for certain, so is what follows
  bool run_over_ = false;      ///< a message came that the broker had not sent before
};

}  // namespace sluice
