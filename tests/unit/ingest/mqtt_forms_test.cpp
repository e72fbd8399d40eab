// Real message forms of common firmware, with the fields and times they mean. The file lies outside
// the repository: SLUICE_TEST_DATA names its folder, and without it these tests are skipped.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "unit/ingest/decoder_fixture.h"

namespace sluice {
namespace {
namespace dom = simdjson::dom;

struct Form {
  std::string topic;
  std::string payload;
  std::map<std::string, double> fields;  ///< by JSON pointer
  std::int64_t time_ns = -1;             ///< -1: arrival
};

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

class MqttForms : public DecoderFixture {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("SLUICE_TEST_DATA");
    const std::string path =
        std::string(folder != nullptr ? folder : SLUICE_SHARED_DATA) + "/mqtt-forms/cases.jsonl";
    std::ifstream file(path);
    if (!file) GTEST_SKIP() << "no " << path << "; set SLUICE_TEST_DATA to run this test";
    for (std::string line; std::getline(file, line);) read(line);
    source_.patterns.clear();
    add_pattern("#");
  }

  const Form& form(const std::string& name) {
    const auto it = forms_.find(name);
    if (it == forms_.end()) ADD_FAILURE() << "no form " << name;
    return it == forms_.end() ? forms_["missing"] : it->second;
  }
  std::string decode_form(const std::string& name) {
    return decode(form(name).payload, form(name).topic);
  }
  /// Declares every field the form means, under its pointer, and decodes it.
  void expect_fields(const std::string& name) {
    const Form& f = form(name);
    for (const auto& [pointer, value] : f.fields) source_.fields.push_back({pointer, pointer, ""});
    if (f.fields.contains("")) source_.fields[0].measurement = "value";
    ASSERT_EQ(decode_form(name), "ok") << detail_;
    std::map<std::string, double> got;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      std::string measurement = series_->at(batch_.series[i]).measurement;
      got[measurement == "value" ? "" : measurement] = batch_.at(i).value.as_double();
      EXPECT_EQ(batch_.event_time_ns[i], f.time_ns < 0 ? kArrivalNs : f.time_ns);
    }
    EXPECT_EQ(got, f.fields);
  }
  void time(const char* pointer, TimeFormat format) {
    source_.time = pointer;
    source_.time_format = format;
  }

 private:
  void read(const std::string& line) {
    dom::parser parser;
    dom::element root;
    ASSERT_EQ(parser.parse(line).get(root), simdjson::SUCCESS) << line;
    Form f;
    f.topic = std::string(root["topic"].get_string().value());
    std::string_view hex;
    f.payload = root["payload_hex"].get(hex) == simdjson::SUCCESS
                    ? from_hex(hex)
                    : std::string(root["payload"].get_string().value());
    for (const auto field : root["fields"].get_object()) {
      bool flag = false;
      f.fields[std::string(field.key)] = field.value.get(flag) == simdjson::SUCCESS
                                             ? (flag ? 1.0 : 0.0)
                                             : field.value.get_double().value();
    }
    std::int64_t ms = 0;
    if (root["timestamp_ms"].get(ms) == simdjson::SUCCESS) f.time_ns = ms * 1'000'000;
    forms_[std::string(root["form"].get_string().value())] = f;
  }
  std::map<std::string, Form> forms_;
};

TEST_F(MqttForms, TasmotaSensorHasATimeWithoutZone) {
  expect_fields("tasmota tele SENSOR");
  time("/Time", TimeFormat::rfc3339);
  build();
  EXPECT_EQ(decode_form("tasmota tele SENSOR"), "bad_time") << "we do not guess zones";
}

TEST_F(MqttForms, TasmotaEnergy) {
  time("/Time", TimeFormat::rfc3339);
  expect_fields("tasmota tele ENERGY");
}

TEST_F(MqttForms, TasmotaLastWillIsNoReading) { EXPECT_EQ(decode_form("tasmota LWT"), "not_json"); }

TEST_F(MqttForms, Zigbee2mqtt) {
  time("/last_seen", TimeFormat::rfc3339);
  expect_fields("zigbee2mqtt");
}

TEST_F(MqttForms, Zigbee2mqttNullIsNotZero) {
  ASSERT_EQ(decode_form("zigbee2mqtt partial"), "ok");
  ASSERT_EQ(batch_.size(), 2u);
  EXPECT_EQ(row(0), "contact = false");
  EXPECT_EQ(row(1), "linkquality = i64 87");
}

TEST_F(MqttForms, ShellyTimeInFractionalSeconds) {
  time("/params/ts", TimeFormat::s);
  expect_fields("shelly gen2 NotifyStatus");
}

TEST_F(MqttForms, Chirpstack) {
  time("/time", TimeFormat::rfc3339);
  expect_fields("chirpstack v4 up");
}

TEST_F(MqttForms, BareNumbers) {
  expect_fields("scalar");
  EXPECT_EQ(decode_form("scalar with blanks"), "not_json") << "a decimal comma is no JSON";
  EXPECT_EQ(decode_form("boolean words"), "not_json");
}

TEST_F(MqttForms, NumberInAStringIsNoNumber) {
  source_.fields = {{"/power", "", "W"}};
  time("/ts", TimeFormat::s);
  EXPECT_EQ(decode_form("number as string"), "wrong_type");
  EXPECT_EQ(detail_, "'/power' is a string; expected a number or a boolean");
}

TEST_F(MqttForms, ClockInFourUnits) {
  const std::string name = "epoch seconds/ms/us/ns";
  const std::pair<const char*, TimeFormat> units[] = {{"/s", TimeFormat::s},
                                                      {"/ms", TimeFormat::ms},
                                                      {"/us", TimeFormat::us},
                                                      {"/ns", TimeFormat::ns}};
  const std::int64_t times_ns[] = {1700000000000000000, 1700000000123000000, 1700000000123456000,
                                   1700000000123456789};
  source_.fields = {{"/v", "", ""}};
  for (int i = 0; i < 4; ++i) {
    time(units[i].first, units[i].second);
    build();
    ASSERT_EQ(decode_form(name), "ok");
    EXPECT_EQ(batch_.event_time_ns, (std::vector<std::int64_t>{times_ns[i]}));
  }
}

TEST_F(MqttForms, BigIntegersStayExact) {
  ASSERT_EQ(decode_form("big integers"), "ok");
  EXPECT_EQ(row(0), "i = i64 9007199254740993");
  EXPECT_EQ(row(1), "u = u64 18446744073709551615");
  EXPECT_EQ(row(2), "neg = i64 -9223372036854775808");
}

TEST_F(MqttForms, ArrayOutOfOrderWithACopy) {
  time("/ts", TimeFormat::ms);
  ASSERT_EQ(decode_form("array of readings"), "ok");
  EXPECT_EQ(
      batch_.event_time_ns,
      (std::vector<std::int64_t>{1700000002000000000, 1700000001000000000, 1700000001000000000}));
}

TEST_F(MqttForms, WhatIsRefused) {
  EXPECT_EQ(decode_form("non-finite"), "not_json");
  EXPECT_EQ(decode_form("duplicate keys"), "duplicate_key");
  EXPECT_EQ(decode_form("influx line"), "not_json");
  EXPECT_EQ(decode_form("empty payload"), "empty");
  EXPECT_EQ(decode_form("invalid utf-8"), "not_json");
}

}  // namespace
}  // namespace sluice
