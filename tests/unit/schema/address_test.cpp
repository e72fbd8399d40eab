#include "schema/address.h"

#include <gtest/gtest.h>

namespace sluice::schema {
namespace {

TEST(Address, PartsHostAndPort) {
  const auto name = parse_host_port("a-1.b_c.example:1883");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->host, "a-1.b_c.example");
  EXPECT_EQ(name->port, 1883);
  const auto ipv6 = parse_host_port("[fe80::1]:8883");
  ASSERT_TRUE(ipv6);
  EXPECT_EQ(ipv6->host, "fe80::1");
  EXPECT_EQ(ipv6->port, 8883);
}

TEST(Address, RefusesWhatIsNotHostAndPort) {
  const std::string long_label(64, 'a');
  for (const std::string& text :
       {std::string(), std::string("a"), std::string("a:"), std::string("a:b"), std::string("a:-1"),
        std::string("a:65536"), std::string("a:99999999999999999999"), std::string("[::1:1"),
        std::string("[]:1"), std::string("[::g]:1"), std::string("a.:1"), std::string(".a:1"),
        std::string("a-:1"), std::string("a\nb:1"), std::string("a\0b:1", 5), long_label + ":1",
        std::string(254, 'a') + ":1"}) {
    EXPECT_FALSE(parse_host_port(text)) << text;
  }
}

TEST(Address, TellsTlsFromPlainUrls) {
  EXPECT_TRUE(parse_broker_url("ssl://h:8883")->tls);
  EXPECT_FALSE(parse_broker_url("tcp://h:1883")->tls);
  EXPECT_FALSE(parse_broker_url("ssl:/h:8883"));
  EXPECT_FALSE(parse_broker_url(""));
}

}  // namespace
}  // namespace sluice::schema
