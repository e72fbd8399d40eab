#include "control/revision_message.h"

namespace sluice {

// The enums of the proto are those of the model, by number.
static_assert(static_cast<int>(RevisionState::rolled_back) == v1::CONFIG_STATE_ROLLED_BACK);
static_assert(static_cast<int>(RevisionState::refused) == v1::CONFIG_STATE_REFUSED);
static_assert(static_cast<int>(RevisionOrigin::push) == v1::CONFIG_ORIGIN_PUSH);

void put_revision(const ConfigRevision& revision, v1::ConfigRevision& out) {
  out.set_number(revision.number);
  out.set_state(static_cast<v1::ConfigState>(revision.state));
  out.set_origin(static_cast<v1::ConfigOrigin>(revision.source.origin));
  out.set_signed_version(revision.source.signed_version);
  out.set_offer_id(revision.source.offer_id);
  out.set_received_ns(revision.received_ns);
  out.set_changed_ns(revision.changed_ns);
  out.set_message(revision.message);
  out.set_document(revision.document);
}

}  // namespace sluice
