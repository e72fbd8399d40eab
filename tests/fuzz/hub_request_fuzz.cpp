#include <cstddef>
#include <cstdint>
#include <string>

#include "hub/event_table.h"
#include "hub/page_token.h"
#include "hub/uplink_messages.h"
#include "sluice/v1/hub.pb.h"
#include "sluice/v1/uplink.pb.h"

// What anyone on the network may send to the hub: a node's messages, and page tokens.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(bytes), size);
  sluice::v1::UplinkRequest request;
  if (request.ParseFromString(input)) {
    (void)sluice::hub::read_hello(request.hello());
    (void)sluice::hub::read_series(request.series());
    (void)sluice::hub::read_gaps(request.gaps());
    (void)sluice::hub::read_events(request.events());
    (void)sluice::hub::take_rows(*request.mutable_batch());
  }
  sluice::v1::ListSummariesRequest question;
  question.set_page_token(input);
  (void)sluice::hub::read_page_token(question);
  sluice::v1::ListGapsRequest about_gaps;
  about_gaps.set_page_token(input);
  (void)sluice::hub::read_page_token(about_gaps);
  sluice::v1::ListUnreadRequest about_unread;
  about_unread.set_page_token(input);
  (void)sluice::hub::read_page_token(about_unread);
  sluice::v1::ListEventsRequest about_events;
  about_events.set_page_token(input);
  (void)sluice::hub::read_page_token(about_events);
  (void)sluice::hub::decode_attributes(input);
  return 0;
}
