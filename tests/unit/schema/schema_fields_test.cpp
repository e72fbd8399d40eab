#include "schema/schema_fields.h"

#include <functional>
#include <set>

#include "example.h"

namespace sluice::schema {
namespace {

using Kind = FieldDescriptor::CppType;

void each_field(const Descriptor& type, const std::function<void(const FieldDescriptor&)>& visit) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    visit(field);
    if (!field.is_map() && field.cpp_type() == Kind::CPPTYPE_MESSAGE) {
      each_field(*field.message_type(), visit);
    }
  }
}

TEST(SchemaFields, UsesOnlyTypesThatTheReaderHandles) {
  each_field(*v1::Config::descriptor(), [](const FieldDescriptor& field) {
    SCOPED_TRACE(field.full_name());
    const auto form = rule_of(field).form();
    if (field.is_map()) {
      EXPECT_EQ(field.message_type()->map_key()->cpp_type(), Kind::CPPTYPE_STRING);
      EXPECT_EQ(field.message_type()->map_value()->cpp_type(), Kind::CPPTYPE_STRING);
      return;
    }
    static const std::set<Kind> kHandled = {
        Kind::CPPTYPE_STRING, Kind::CPPTYPE_BOOL,   Kind::CPPTYPE_UINT32, Kind::CPPTYPE_UINT64,
        Kind::CPPTYPE_INT64,  Kind::CPPTYPE_DOUBLE, Kind::CPPTYPE_ENUM,   Kind::CPPTYPE_MESSAGE};
    EXPECT_TRUE(kHandled.contains(field.cpp_type()));
    if (field.is_repeated()) {
      EXPECT_TRUE(field.cpp_type() == Kind::CPPTYPE_STRING ||
                  field.cpp_type() == Kind::CPPTYPE_MESSAGE);
    }
    EXPECT_TRUE(field.cpp_type() != Kind::CPPTYPE_INT64 || form == v1::FieldRule::FORM_DURATION);
    EXPECT_EQ(form == v1::FieldRule::FORM_DURATION, field.name().ends_with("_ns"));
    EXPECT_EQ(form == v1::FieldRule::FORM_SIZE, field.name().find("_bytes") != std::string::npos);
    EXPECT_FALSE(yaml_key(field).find("__") != std::string::npos);
  });
}

TEST(SchemaFields, EveryDefaultAndBoundIsAcceptedByItsField) {
  each_field(*v1::Config::descriptor(), [](const FieldDescriptor& field) {
    if (field.is_repeated() || field.cpp_type() == Kind::CPPTYPE_MESSAGE) return;
    SCOPED_TRACE(field.full_name());
    const auto& rule = rule_of(field);
    const std::unique_ptr<Message> message(google::protobuf::MessageFactory::generated_factory()
                                               ->GetPrototype(field.containing_type())
                                               ->New());
    for (const std::string& text : {rule.default_(), rule.min(), rule.max()}) {
      if (text.empty()) continue;
      const Status status = set_from_text(*message, field, text);
      EXPECT_TRUE(status.ok()) << status.to_string();
      const bool formatted =
          rule.form() == v1::FieldRule::FORM_DURATION || rule.form() == v1::FieldRule::FORM_SIZE;
      EXPECT_TRUE(formatted || text_of(*message, field) == text);
    }
    // A number that may be left out has a value then.
    const bool number = field.cpp_type() == Kind::CPPTYPE_UINT32 ||
                        field.cpp_type() == Kind::CPPTYPE_UINT64 ||
                        field.cpp_type() == Kind::CPPTYPE_INT64;
    EXPECT_TRUE(!number || rule.required() || rule.keep_unset() || !rule.default_().empty());
  });
}

TEST(SchemaFields, EnumsBeginWithAValueThatHasNoWord) {
  each_field(*v1::Config::descriptor(), [](const FieldDescriptor& field) {
    if (field.cpp_type() != Kind::CPPTYPE_ENUM) return;
    EXPECT_TRUE(field.enum_type()->value(0)->name().ends_with("_UNSPECIFIED"));
    EXPECT_EQ(field.enum_type()->value(0)->number(), 0);
  });
}

TEST(SchemaFields, DropUnitsFromKeysAndPrefixesFromWords) {
  const auto key = [](const Descriptor* type, const char* name) {
    return yaml_key(*type->FindFieldByName(name));
  };
  EXPECT_EQ(key(v1::LimitsConfig::descriptor(), "payload_bytes_max"), "payload_max");
  EXPECT_EQ(key(v1::StorageConfig::descriptor(), "quota_bytes"), "quota");
  EXPECT_EQ(key(v1::StorageConfig::descriptor(), "commit_interval_ns"), "commit_interval");
  EXPECT_EQ(key(v1::LimitsConfig::descriptor(), "series_max"), "series_max");
  EXPECT_EQ(join(enum_words(*v1::DecodeConfig::TimeFormat_descriptor())),
            "arrival, s, ms, us, ns, rfc3339");
  EXPECT_EQ(join(enum_words(*v1::MqttConfig::Version_descriptor())), "3.1.1, 5");
}

TEST(SchemaFields, KeysOfOneSectionAreDistinct) {
  each_field(*v1::Config::descriptor(), [](const FieldDescriptor& field) {
    const auto keys = yaml_keys(*field.containing_type());
    EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), keys.size());
    EXPECT_EQ(find_by_yaml_key(*field.containing_type(), yaml_key(field)), &field);
  });
}

TEST(SchemaFields, BoundsTexts) {
  v1::PluginsConfig plugins;
  const auto& dir = *v1::PluginsConfig::descriptor()->FindFieldByName("dir");
  EXPECT_TRUE(set_from_text(plugins, dir, std::string(kTextBytesMax, 'x')).ok());
  EXPECT_FALSE(set_from_text(plugins, dir, std::string(kTextBytesMax + 1, 'x')).ok());
  EXPECT_FALSE(set_from_text(plugins, dir, "\xFF").ok());
}

}  // namespace
}  // namespace sluice::schema
