#include "ingest/json_decoder.h"

#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/shown_text.h"
#include "ingest/duplicate_keys.h"
#include "ingest/json_element.h"
#include "ingest/topic_cache.h"

namespace sluice {
namespace {
namespace dom = simdjson::dom;

constexpr std::size_t kDepthMax = 64;
constexpr std::size_t kTopicBytesMax = 1024;
constexpr std::size_t kDetailBytesMax = 512;
constexpr std::size_t kShownValueBytes = 64;
// simdjson holds about 14 bytes per byte of the largest document it met.
constexpr std::size_t kParserKeepBytes = 256 * 1024;

/// Out of memory crashes, as everywhere: rejecting would lose a good message.
std::unique_ptr<dom::parser> make_parser() {
  auto parser = std::make_unique<dom::parser>();
  const simdjson::error_code error = parser->allocate(4096, kDepthMax);
  SLUICE_ASSERT(error == simdjson::SUCCESS);
  return parser;
}
}  // namespace

/// The decoder's state and the message at hand. Steps answer false once the message is rejected.
class JsonDecoder::Decoding {
 public:
  Decoding(std::vector<DecodePlan> plans, const JsonDecoderOptions& options, SeriesTable& series,
           TopicTable& topics)
      : plans_(std::move(plans)),
        payload_bytes_max_(options.payload_bytes_max),
        series_(series),
        topics_(topics),
        cache_(plans_.size(), options.cache_bytes_max) {}

  DecodeResult decode(const IngestEvent& message, ReadingBatch& out);
  std::size_t cache_bytes() const { return cache_.bytes(); }

 private:
  /// A reading whose series was not met before.
  struct NewSeries {
    std::size_t row;
    std::string key;
    Series series;
  };

  bool run();
  bool find_topic();
  bool parse(dom::element& root);
  bool read_items(dom::element root);
  bool read_array(dom::array items);
  bool read_item(dom::element item);
  bool read_labels(dom::element item);
  bool read_time(dom::element item);
  bool read_declared(dom::element item);
  bool read_members(dom::element item);
  void add_reading(std::string_view measurement, std::string_view unit, Value value);
  Series series_named(std::string_view measurement, std::string_view unit) const;
  bool number_series();

  bool reject(RejectReason reason, std::string_view detail);
  /// There is no room for it.
  bool refuse(const Series& series, std::string_view detail);
  /// The place of something in the payload, quoted; `pointer` starts at the item.
  std::string place(std::string_view pointer) const;

  const std::vector<DecodePlan> plans_;
  const std::size_t payload_bytes_max_;
  SeriesTable& series_;
  TopicTable& topics_;
  TopicCache cache_;
  std::unique_ptr<dom::parser> parser_ = make_parser();
  DuplicateKeys duplicate_keys_;
  std::vector<std::string_view> captures_;

  // Of the message at hand.
  const IngestEvent* message_ = nullptr;
  ReadingBatch* out_ = nullptr;
  std::size_t first_row_ = 0;
  const DecodePlan* plan_ = nullptr;
  TopicEntry* topic_ = nullptr;
  std::vector<NewSeries> new_series_;
  DecodeResult result_;
  // Of the item at hand.
  std::optional<std::size_t> item_index_;  ///< unset when the payload is the item
  std::int64_t event_time_ns_ = 0;
  /// Tells the series of a topic apart: the item's label values, then the field. Each value is two
  /// bytes of length and itself.
  std::string key_;
  std::size_t labels_size_ = 0;  ///< how much of `key_` is labels
};

DecodeResult JsonDecoder::Decoding::decode(const IngestEvent& message, ReadingBatch& out) {
  SLUICE_ASSERT(message.kind == IngestEvent::Kind::message);
  SLUICE_ASSERT(message.position.source < plans_.size());
  message_ = &message;
  out_ = &out;
  first_row_ = out.size();
  plan_ = &plans_[message.position.source];
  item_index_.reset();
  new_series_.clear();
  result_ = {};
  cache_.trim();
  if (!run()) out.truncate(first_row_);
  if (parser_->capacity() > kParserKeepBytes) parser_ = make_parser();
  return std::move(result_);
}

bool JsonDecoder::Decoding::run() {
  dom::element root;
  if (!find_topic() || !parse(root) || !read_items(root)) return false;
  item_index_.reset();
  if (out_->size() == first_row_) {
    return reject(RejectReason::no_readings,
                  plan_->fields.empty()
                      ? "no item has a number or a boolean at its top level beside time and labels"
                      : "none of the declared fields is in the payload");
  }
  return number_series();
}

bool JsonDecoder::Decoding::find_topic() {
  const std::string& topic = message_->topic;
  topic_ = cache_.find(message_->position.source, topic);
  if (topic_ != nullptr) return true;
  if (topic.size() > kTopicBytesMax) {
    return reject(RejectReason::bad_topic, "the topic has " + std::to_string(topic.size()) +
                                               " bytes; at most 1024 are kept");
  }
  if (!simdjson::validate_utf8(topic.data(), topic.size())) {
    return reject(RejectReason::bad_topic, "the topic " + shown(topic) + " is not UTF-8");
  }
  const auto pattern =
      std::find_if(plan_->patterns.begin(), plan_->patterns.end(),
                   [&](const TopicPattern& p) { return p.match(topic, captures_); });
  if (pattern == plan_->patterns.end()) {
    return reject(RejectReason::unmatched_topic, "no pattern of source " + shown(plan_->source) +
                                                     " takes the topic " + shown(topic));
  }
  Labels labels;
  for (std::size_t i = 0; i < captures_.size(); ++i) {
    const std::string why = name_fault(captures_[i], kLabelValueBytesMax);
    if (!why.empty()) {
      return reject(RejectReason::bad_label, "level {" + pattern->names()[i] + "} of the topic, " +
                                                 shown(captures_[i], kShownValueBytes) + ", " +
                                                 why);
    }
    labels.emplace_back(pattern->names()[i], captures_[i]);
  }
  topic_ = &cache_.add(message_->position.source, topic, std::move(labels));
  return true;
}

bool JsonDecoder::Decoding::parse(dom::element& root) {
  const std::string& payload = message_->payload;
  if (payload.empty()) return reject(RejectReason::empty, "the payload has no bytes");
  if (payload.size() > payload_bytes_max_) {
    return reject(RejectReason::too_large, "the payload has " + std::to_string(payload.size()) +
                                               " bytes; limits.payload_bytes_max is " +
                                               std::to_string(payload_bytes_max_));
  }
  if (const auto error = parser_->parse(payload.data(), payload.size(), true).get(root)) {
    const auto [reason, detail] = parse_fault(error, payload);
    return reject(reason, detail);
  }
  if (const auto pointer = duplicate_keys_.find(root)) {
    return reject(RejectReason::duplicate_key,
                  "the key at " + shown(*pointer) + " stands there twice; expected it once");
  }
  return true;
}

bool JsonDecoder::Decoding::read_items(dom::element root) {
  dom::array items;
  if (plan_->items.whole_document()) {
    if (root.get(items) == simdjson::SUCCESS) return read_array(items);
    return read_item(root);
  }
  const auto found = resolve(root, plan_->items);
  if (!found) {
    return reject(RejectReason::no_readings, "there is nothing at " + shown(plan_->items.text()) +
                                                 "; expected an array of items");
  }
  if (found->get(items) != simdjson::SUCCESS) {
    return reject(RejectReason::wrong_type, shown(plan_->items.text()) + " is " +
                                                std::string(type_name(*found)) +
                                                "; expected an array of items");
  }
  return read_array(items);
}

bool JsonDecoder::Decoding::read_array(dom::array items) {
  std::size_t index = 0;
  for (const dom::element item : items) {
    item_index_ = index++;
    if (!read_item(item)) return false;
  }
  return true;
}

bool JsonDecoder::Decoding::read_item(dom::element item) {
  if (!item.is_object() && !plan_->scalar_items) {
    return reject(RejectReason::wrong_type,
                  place("") + " is " + std::string(type_name(item)) + "; expected an object");
  }
  if (!read_labels(item) || !read_time(item)) return false;
  return plan_->fields.empty() ? read_members(item) : read_declared(item);
}

bool JsonDecoder::Decoding::read_labels(dom::element item) {
  key_.clear();
  for (const DecodePlan::Label& label : plan_->labels) {
    const std::string& pointer = label.pointer.text();
    const auto found = resolve(item, label.pointer);
    if (!found) {
      return reject(RejectReason::missing_label, "label " + shown(label.name) + " is missing at " +
                                                     place(pointer) +
                                                     "; expected a string, number or boolean");
    }
    NumberText buffer;
    const auto text = text_of(*found, buffer);
    if (!text) {
      return reject(RejectReason::bad_label, place(pointer) + " is " +
                                                 std::string(type_name(*found)) +
                                                 "; expected a string, number or boolean as label");
    }
    if (const std::string why = name_fault(*text, kLabelValueBytesMax); !why.empty()) {
      return reject(RejectReason::bad_label, place(pointer) + ", " +
                                                 shown(*text, kShownValueBytes) +
                                                 ", cannot be a label: it " + why);
    }
    key_ += static_cast<char>(text->size() >> 8);
    key_ += static_cast<char>(text->size() & 0xFF);
    key_ += *text;
  }
  labels_size_ = key_.size();
  return true;
}

bool JsonDecoder::Decoding::read_time(dom::element item) {
  event_time_ns_ = message_->wall_ns;
  if (plan_->time_format == TimeFormat::arrival) return true;
  const std::string& pointer = plan_->time.text();
  const auto found = resolve(item, plan_->time);
  if (!found) {
    return reject(RejectReason::missing_time, "there is no event time at " + place(pointer));
  }
  const Result<std::int64_t> time = event_time_of(*found, plan_->time_format);
  if (time.ok()) {
    event_time_ns_ = *time;
    return true;
  }
  NumberText buffer;
  const auto text = text_of(*found, buffer);
  return reject(RejectReason::bad_time,
                "the event time at " + place(pointer) +
                    (text ? ", " + shown(*text, kShownValueBytes) + ", " : " ") +
                    std::string(time.status().message()));
}

bool JsonDecoder::Decoding::read_declared(dom::element item) {
  for (std::size_t i = 0; i < plan_->fields.size(); ++i) {
    const DecodePlan::Field& field = plan_->fields[i];
    const auto found = resolve(item, field.pointer);
    if (!found) continue;
    const auto value = value_of(*found);
    if (!value) {
      return reject(RejectReason::wrong_type, place(field.pointer.text()) + " is " +
                                                  std::string(type_name(*found)) +
                                                  "; expected a number or a boolean");
    }
    key_.resize(labels_size_);
    key_ += static_cast<char>(i >> 8);
    key_ += static_cast<char>(i & 0xFF);
    add_reading(field.measurement, field.unit, *value);
  }
  return true;
}

bool JsonDecoder::Decoding::read_members(dom::element item) {
  dom::object object;
  if (item.get(object) != simdjson::SUCCESS) return true;
  for (const auto member : object) {
    const auto value = value_of(member.value);
    if (!value) continue;
    const auto& skipped = plan_->not_measured;
    if (std::find(skipped.begin(), skipped.end(), member.key) != skipped.end()) continue;
    key_.resize(labels_size_);
    key_ += member.key;
    const std::string why =
        member.key.empty() ? std::string("is empty") : name_fault(member.key, kMeasurementBytesMax);
    if (!why.empty()) {
      return reject(RejectReason::bad_measurement, "the key at " +
                                                       place(json_pointer_step(member.key)) +
                                                       " cannot name a measurement: it " + why);
    }
    add_reading(member.key, {}, *value);
  }
  return true;
}

void JsonDecoder::Decoding::add_reading(std::string_view measurement, std::string_view unit,
                                        Value value) {
  const auto known = topic_->series.find(key_);
  const bool is_new = known == topic_->series.end();
  if (is_new) new_series_.push_back({out_->size(), key_, series_named(measurement, unit)});
  out_->append({is_new ? 0 : known->second, topic_->id, event_time_ns_, value, Quality::good});
}

Series JsonDecoder::Decoding::series_named(std::string_view measurement,
                                           std::string_view unit) const {
  Series series{std::string(measurement), std::string(unit), topic_->labels};
  std::size_t at = 0;
  for (const DecodePlan::Label& label : plan_->labels) {
    const auto size = static_cast<std::size_t>(static_cast<unsigned char>(key_[at]) << 8 |
                                               static_cast<unsigned char>(key_[at + 1]));
    series.labels.emplace_back(label.name, key_.substr(at + 2, size));
    at += 2 + size;
  }
  std::sort(series.labels.begin(), series.labels.end());
  return series;
}

bool JsonDecoder::Decoding::number_series() {
  if (topic_->id == 0) {
    topic_->id = topics_.intern({plan_->source, message_->topic});
    if (topic_->id == 0) {
      return refuse(new_series_.front().series,
                    "topic " + shown(message_->topic) + " is new and the table is full with " +
                        std::to_string(topics_.size()) + " topics; raise limits.series_max");
    }
    std::fill(out_->topic.begin() + static_cast<std::ptrdiff_t>(first_row_), out_->topic.end(),
              topic_->id);
  }
  for (NewSeries& next : new_series_) {
    const SeriesId id = series_.intern(next.series);
    if (id == 0) {
      return refuse(next.series, "series " + shown(next.series.to_string()) +
                                     " is new and the table is full with " +
                                     std::to_string(series_.size()) +
                                     " series; raise limits.series_max or use fewer labels");
    }
    out_->series[next.row] = id;
    cache_.add_series(*topic_, std::move(next.key), id);
  }
  return true;
}

bool JsonDecoder::Decoding::reject(RejectReason reason, std::string_view detail) {
  result_ = {false, std::string(reject_reason_name(reason)),
             std::string(utf8_head(detail, kDetailBytesMax)), std::nullopt};
  return false;
}

bool JsonDecoder::Decoding::refuse(const Series& series, std::string_view detail) {
  reject(RejectReason::series_cap, detail);
  result_.refused = series;
  return false;
}

std::string JsonDecoder::Decoding::place(std::string_view pointer) const {
  std::string whole;
  if (item_index_) whole = plan_->items.text() + "/" + std::to_string(*item_index_);
  whole += pointer;
  return whole.empty() ? "the payload" : shown(whole);
}

Result<std::unique_ptr<JsonDecoder>> JsonDecoder::create(const JsonDecoderOptions& options,
                                                         SeriesTable& series, TopicTable& topics) {
  std::vector<DecodePlan> plans;
  for (const JsonSource& source : options.sources) {
    Result<DecodePlan> plan = DecodePlan::make(source);
    if (!plan.ok()) return plan.status();
    plans.push_back(std::move(*plan));
  }
  auto decoding = std::make_unique<Decoding>(std::move(plans), options, series, topics);
  return std::unique_ptr<JsonDecoder>(new JsonDecoder(std::move(decoding)));
}

JsonDecoder::JsonDecoder(std::unique_ptr<Decoding> decoding) : decoding_(std::move(decoding)) {}
JsonDecoder::~JsonDecoder() = default;

DecodeResult JsonDecoder::decode(const IngestEvent& message, ReadingBatch& out) {
  return decoding_->decode(message, out);
}

std::size_t JsonDecoder::cache_bytes() const { return decoding_->cache_bytes(); }

}  // namespace sluice
