// What a hostile or broken publisher can send: every payload ends with a reason and leaves the
// decoder as good as new.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "unit/ingest/decoder_fixture.h"

namespace sluice {
namespace {

class JsonDecoderPoison : public DecoderFixture {
 protected:
  void expect_still_good() {
    const std::size_t before = batch_.size();
    ASSERT_EQ(decode(R"({"v":1})"), "ok");
    ASSERT_EQ(batch_.size(), before + 1);
    batch_.clear();
  }
  void expect(std::string_view reason, const std::string& payload) {
    EXPECT_EQ(decode(payload), reason) << payload.substr(0, 60);
    expect_still_good();
  }
};

std::string nested(int depth) {
  std::string json = R"({"v":1,"deep":)";
  json += std::string(static_cast<std::size_t>(depth - 1), '[');
  json += std::string(static_cast<std::size_t>(depth - 1), ']');
  return json + "}";
}

TEST_F(JsonDecoderPoison, IsEmpty) {
  expect("empty", "");
  expect("empty", " \r\n\t");
}

TEST_F(JsonDecoderPoison, IsNotJson) {
  const std::string payloads[] = {"Offline",
                                  "ON",
                                  " 182,5\r\n",
                                  "weather,station=north temp=21.3 1700000000000000000",
                                  "{\"v\":1",
                                  "{\"v\":1}}",
                                  "{\"v\":1}{\"v\":2}",
                                  "{\"v\":1} x",
                                  "{\"v\":1,}",
                                  "{v:1}",
                                  "{'v':1}",
                                  "{\"v\" 1}",
                                  "{\"v\":}",
                                  "[1,]",
                                  "[1 2]",
                                  "{\"v\":01}",
                                  "{\"v\":1.}",
                                  "{\"v\":.5}",
                                  "{\"v\":+1}",
                                  "{\"v\":0x10}",
                                  "{\"v\":1e}",
                                  "{\"v\":tru}",
                                  "{\"v\":True}",
                                  "// c\n{\"v\":1}",
                                  "{\"v\":\"a\nb\"}",
                                  "{\"v\":\"\\q\"}",
                                  "{\"v\":\"\\ud800\"}",
                                  "{\"v\":\"\\u12\"}",
                                  "\xEF\xBB\xBF{\"v\":1}",
                                  std::string("{\"v\":1}\0", 8),
                                  std::string("\0", 1),
                                  "<xml/>",
                                  "{\"v\":1}\x1a"};
  for (const std::string& payload : payloads) expect("not_json", payload);
}

TEST_F(JsonDecoderPoison, HasNumbersThatAreNoneOrDoNotFit) {
  for (const char* number :
       {"NaN", "nan", "Infinity", "-Infinity", "-", "1e309.5", "1e309x", "1e999e1", "-01e999"}) {
    expect("not_json", std::string(R"({"ok":3,"t":)") + number + "}");
  }
  for (const char* number : {"1e309", "-1e309", "1e999999999999", "1E+400", "18446744073709551616",
                             "-9223372036854775809", "123456789012345678901234567890"}) {
    expect("number_range", std::string(R"({"ok":3,"s":"1e \\\" 01","t":)") + number + "}");
    expect("number_range", number);
    expect("number_range", std::string("[1, ") + number + " ]");
  }
  expect("number_range", R"({"t":)" + std::string(200000, '9') + "}");
  expect("not_json", R"({"t":1e400,"u":01})");
  EXPECT_EQ(decode(R"({"t":1e-999,"u":1.7976931348623157e308})"), "ok") << "tiny rounds to zero";
}

TEST_F(JsonDecoderPoison, IsNotUtf8) {
  for (const char* bytes :
       {"\xff\xfe", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xc3", "\xe2\x82"}) {
    expect("not_json", std::string("{\"v\":1,\"s\":\"") + bytes + "\"}");
    expect("not_json", std::string("{\"v\":1,\"") + bytes + "\":2}");
  }
}

TEST_F(JsonDecoderPoison, NestsTooDeep) {
  EXPECT_EQ(decode(nested(64)), "ok");
  batch_.clear();
  expect("too_deep", nested(65));
  expect("too_deep", nested(10000));
  expect("too_deep", std::string(10000, '[') + std::string(10000, ']'));
  std::string objects;
  for (int i = 0; i < 10000; ++i) objects += "{\"a\":";
  expect("too_deep", objects + "1" + std::string(10000, '}'));
  EXPECT_NE(decode(std::string(10000, '[')), "ok");
  EXPECT_NE(decode(objects), "ok");
  expect_still_good();
}

TEST_F(JsonDecoderPoison, IsTooLarge) {
  std::string megabyte = R"({"v":1,"pad":")" + std::string(1 << 20, 'x') + "\"}";
  expect("too_large", megabyte);
  expect("too_large", std::string(1 << 20, '['));
  options_.payload_bytes_max = 64;
  build();
  std::string exact = R"({"v":1,"pad":"")";
  exact.insert(exact.size() - 1, std::string(64 - exact.size() - 1, 'x'));
  exact += "}";
  ASSERT_EQ(exact.size(), 64u);
  EXPECT_EQ(decode(exact), "ok") << detail_;
  EXPECT_EQ(decode(exact + " "), "too_large");
}

TEST_F(JsonDecoderPoison, IsLargeButWithinTheLimit) {
  options_.payload_bytes_max = 4 << 20;
  build();
  EXPECT_EQ(decode(R"({"v":1,"pad":")" + std::string(1 << 20, 'x') + "\"}"), "ok");
  EXPECT_EQ(decode("{\"v\":1}" + std::string(3 << 20, ' ')), "ok");
  batch_.clear();
  std::string many = "[";
  for (int i = 0; i < 100000; ++i) many += "{\"v\":" + std::to_string(i) + "},";
  many += "{\"v\":0}]";
  EXPECT_EQ(decode(many), "ok");
  EXPECT_EQ(batch_.size(), 100001u);
  EXPECT_EQ(series_->size(), 1u);
  batch_.clear();
  many.insert(many.size() - 1, ",0");
  expect("wrong_type", many);
}

TEST_F(JsonDecoderPoison, HasAKeyTwice) {
  expect("duplicate_key", R"({"t":1,"t":2})");
  expect("duplicate_key", R"({"t":1,"x":{"y":[{"k":"a","k":"a"}]}})");
  EXPECT_EQ(decode(R"({"t":1,"\u0074":2})"), "duplicate_key");
  EXPECT_EQ(detail_, "the key at '/t' stands there twice; expected it once");
}

TEST_F(JsonDecoderPoison, FillsTheSeriesTableOnlyWithWhatWasAccepted) {
  source_.time = "/ts";
  source_.time_format = TimeFormat::s;
  build();
  std::string payload = "[";
  for (int i = 0; i < 900; ++i) {
    payload += "{\"ts\":1,\"k" + std::to_string(i) + "\":1},";
  }
  EXPECT_EQ(decode(payload + "{\"ts\":\"now\"}]"), "bad_time");
  EXPECT_EQ(series_->size(), 0u);
}

// A cut payload is never taken for a shorter one, at no byte.
TEST_F(JsonDecoderPoison, IsCutOffAnywhere) {
  source_.items = "/list";
  source_.time = "/ts";
  source_.time_format = TimeFormat::rfc3339;
  source_.labels = {{"id", "/id"}};
  const std::string whole =
      R"({"list":[{"ts":"2024-02-10T07:15:31.120Z","id":"ä\u00e4","v":-12.5e-1,"on":true},)"
      R"({"ts":"2024-02-10T07:15:32Z","id":"€","v":18446744073709551615,"on":null}]})";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(decode(whole.substr(0, size)), "ok") << whole.substr(0, size);
  }
  EXPECT_TRUE(batch_.empty());
  ASSERT_EQ(decode(whole), "ok") << detail_;
  EXPECT_EQ(batch_.size(), 3u);
}

// Any outcome is right but a crash, a half message or a value that is not one.
TEST_F(JsonDecoderPoison, HasBitsFlippedAndBytesSwapped) {
  source_.items = "/list";
  source_.time = "/ts";
  source_.time_format = TimeFormat::s;
  source_.labels = {{"id", "/id"}};
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string whole =
      R"({"list":[{"ts":1700000000.5,"id":"a","v":-12.5e-1,"on":true},{"ts":2,"id":7,"v":1}]})";
  int rejected = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string payload = whole;
    for (std::size_t n = 1 + random() % 3; n > 0; --n) {
      const std::size_t at = random() % payload.size();
      if (random() % 2 == 0) {
        payload[at] = static_cast<char>(payload[at] ^ (1 << random() % 8));
      } else {
        std::swap(payload[at], payload[random() % payload.size()]);
      }
    }
    rejected += decode(payload) != "ok";
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      ASSERT_TRUE(std::isfinite(batch_.at(i).value.as_double())) << payload;
    }
    batch_.clear();
  }
  EXPECT_GT(rejected, 1000);
  EXPECT_EQ(decode(whole), "ok");
}

TEST_F(JsonDecoderPoison, QuotesHostileKeysWithoutHarm) {
  source_.fields = {{"/v", "", ""}};
  EXPECT_EQ(decode("{\"" + std::string(100000, 'k') + "\":{\"x\":1,\"x\":2}}"), "duplicate_key");
  EXPECT_LT(detail_.size(), 400u);
  EXPECT_EQ(decode(R"({"a\nlevel=error":1,"a\nlevel=error":1})"), "duplicate_key");
  EXPECT_EQ(detail_.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace sluice
