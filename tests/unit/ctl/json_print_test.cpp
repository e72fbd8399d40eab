#include "ctl/json_print.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "sluice/v1/admin.pb.h"
#include "sluice/v1/config.pb.h"
#include "sluice/v1/hub.pb.h"
#include "sluice/v1/summary.pb.h"
#include "sluice/v1/uplink.pb.h"

namespace sluice::ctl {
namespace {

TEST(Json, HasEveryFieldOfAnEmptyMessage) {
  EXPECT_EQ(to_json(v1::SourceStatus()),
            R"({"name":"","connected":false,"connects":0,"bytes_received":0,)"
            R"("messages_received":0,"unacknowledged":0,"last_error":"","last_error_age_s":0})");
  EXPECT_EQ(to_json(v1::LedgerReport()), R"({"terms":[],"differences":[]})");
  EXPECT_EQ(to_json(v1::GetStatusRequest()), "{}");
}

TEST(Json, WritesMessagesThatAreNotSetAsNull) {
  v1::UplinkRequest request;
  EXPECT_EQ(to_json(request),
            R"({"hello":null,"series":null,"batch":null,"gaps":null,"events":null})");
  request.mutable_batch();
  EXPECT_EQ(to_json(request), R"({"hello":null,"series":null,"batch":{"batch_no":0,"rows":[]},)"
                              R"("gaps":null,"events":null})");
}

TEST(Json, WritesSixtyFourBitIntegersAsNumbers) {
  v1::LedgerTerm term;
  term.set_count(std::numeric_limits<std::int64_t>::min());
  EXPECT_NE(to_json(term).find(R"("count":-9223372036854775808)"), std::string::npos);
  v1::StoreStatus store;
  store.set_bytes(std::numeric_limits<std::uint64_t>::max());
  EXPECT_NE(to_json(store).find(R"("bytes":18446744073709551615)"), std::string::npos);
}

TEST(Json, WritesHashesInHexAndEnumsByName) {
  v1::SummaryRecord record;
  record.set_spec_hash(0xFEDCBA9876543210ull);
  record.set_kind(v1::WINDOW_KIND_TUMBLING);
  record.set_quality(static_cast<v1::PaneQuality>(99));
  const std::string json = to_json(record);
  EXPECT_NE(json.find(R"("spec_hash":"fedcba9876543210")"), std::string::npos);
  EXPECT_NE(json.find(R"("kind":"WINDOW_KIND_TUMBLING")"), std::string::npos);
  EXPECT_NE(json.find(R"("quality":99)"), std::string::npos) << "a value from a newer hub";
}

TEST(Json, WritesDoublesShortestAndWhatJsonLacksAsStrings) {
  v1::RecentSummary s;
  s.set_sum(0.1);
  s.set_mean(1e300);
  s.set_min(-INFINITY);
  s.set_max(std::nan(""));
  s.set_first(3);
  EXPECT_NE(to_json(s).find(R"("sum":0.1,"mean":1e+300,"min":"-Infinity","max":"NaN","stddev":0,)"
                            R"("first":3,"last":0)"),
            std::string::npos)
      << to_json(s);
}

TEST(Json, SortsMapsByKey) {
  v1::SeriesRow row;
  for (const char* key : {"z", "a", "m", "b"}) (*row.mutable_labels())[key] = "v";
  EXPECT_NE(to_json(row).find(R"("labels":{"a":"v","b":"v","m":"v","z":"v"})"), std::string::npos);
}

TEST(Json, WritesRepeatedFieldsAsArrays) {
  v1::PluginRow row;
  row.add_used_by("p/a");
  row.add_used_by("p/b");
  EXPECT_NE(to_json(row).find(R"("used_by":["p/a","p/b"])"), std::string::npos);
  v1::NumberColumn column;
  column.add_scaled(-5);
  column.add_scaled(7);
  column.add_exception_places(3);
  column.add_exceptions(0.5);
  EXPECT_EQ(to_json(column),
            R"({"exponent":0,"scaled":[-5,7],"exception_places":[3],"exceptions":[0.5]})");
}

TEST(Json, WritesBytesInBase64) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"\xff\xff\xfe", "///+"}};
  for (const auto& [bytes, text] : cases) {
    v1::SummaryRow row;
    row.set_block(bytes);
    EXPECT_EQ(to_json(row), R"({"seq":0,"block":")" + text + R"("})");
  }
}

TEST(Json, EscapesWhatATerminalOrAParserWouldTripOver) {
  std::string out;
  append_json_string(out, "a\"b\\c\n\x1b\x7f\u009b é 温");
  EXPECT_EQ(out, R"("a\"b\\c\u000a\u001b\u007f\u009b é 温")");
  out.clear();
  append_json_string(out, "x\xff\xc3y");
  EXPECT_EQ(out, R"("x\ufffd\ufffdy")");
}

}  // namespace
}  // namespace sluice::ctl
