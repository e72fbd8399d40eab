#include "control/canonical_message.h"

#include <gtest/gtest.h>

#include "control/sha256.h"
#include "unit/control/signing_rig.h"

namespace sluice {
namespace {

Status parse(const std::string& bytes) {
  v1::ConfigTarget target;
  return parse_canonical(bytes, "it", target);
}

TEST(CanonicalMessage, TakesTheOneFormOfAMessage) {
  v1::ConfigTarget target;
  auto& labels = *target.mutable_labels()->mutable_labels();
  for (const char* name : {"site", "line", "a", "zone", "b"}) labels[name] = "1";
  EXPECT_TRUE(parse(canonical_bytes(target)).ok());
  EXPECT_TRUE(parse("").ok()) << "an empty message has a form too";
}

TEST(CanonicalMessage, RefusesWhatReadsTheSameAndIsWrittenOtherwise) {
  const std::string node("\x0a\x01\x61", 3);
  EXPECT_TRUE(parse(node).ok());
  for (const std::string& other : {
           node + node,                            // twice, the last one counts
           std::string("\x12\x01\x62", 3) + node,  // another of the oneof before it
           std::string("\x0a\x81\x00\x61", 4),     // a length longer than needed
           std::string("\x8a\x00\x01\x61", 4),     // a tag longer than needed
       }) {
    const Status status = parse(other);
    EXPECT_EQ(status.code(), StatusCode::invalid_argument) << hex(other);
    EXPECT_TRUE(says(status, "not in its one form")) << status.message();
  }
  // Map entries out of order: the same map.
  const std::string a("\x0a\x06\x0a\x01\x61\x12\x01\x31", 8);
  const std::string b("\x0a\x06\x0a\x01\x62\x12\x01\x31", 8);
  EXPECT_TRUE(parse(std::string("\x1a\x10", 2) + a + b).ok());
  EXPECT_TRUE(says(parse(std::string("\x1a\x10", 2) + b + a), "not in its one form"));
}

TEST(CanonicalMessage, RefusesFieldsThatItDoesNotKnowAtAnyDepth) {
  const std::string unknown("\x7a\x01\x61", 3);  // field 15
  const Status outside = parse(unknown);
  EXPECT_TRUE(says(outside, "fields that this version does not know")) << outside.message();
  const Status inside = parse(std::string("\x22\x03", 2) + unknown);  // in `everyone`
  EXPECT_TRUE(says(inside, "fields that this version does not know")) << inside.message();
}

TEST(CanonicalMessage, RefusesBytesThatAreNoMessage) {
  for (const std::string& bytes : {std::string("\x0a\x05\x61", 3), std::string("\xff", 1),
                                   std::string("\x0a\x01\x80", 3)}) {  // the last one: no UTF-8
    const Status status = parse(bytes);
    EXPECT_EQ(status.code(), StatusCode::invalid_argument);
    EXPECT_TRUE(says(status, "it is damaged: it is no ConfigTarget")) << status.message();
  }
}

TEST(CanonicalMessage, KnowsTextWithControlCharacters) {
  EXPECT_TRUE(is_plain_text("Anna's laptop, Büro 2"));
  for (const char* text : {"a\nb", "\x1b[2J", "\x7f"}) EXPECT_FALSE(is_plain_text(text));
}

}  // namespace
}  // namespace sluice
