#include <algorithm>
#include <vector>

#include "model/topic_pattern.h"
#include "schema/rule_context.h"

namespace sluice::schema {
namespace {

/// A pattern that parsed and the key path it was written at.
struct Written {
  TopicPattern pattern;
  std::string path;
};

std::vector<Written> parse_all(const v1::MqttConfig& mqtt, const std::string& path,
                               const RuleContext& context) {
  std::vector<Written> all;
  UniqueValues texts(context, "pattern");
  for (int i = 0; i < mqtt.topics_size(); ++i) {
    const std::string& text = mqtt.topics(i).pattern();
    if (text.empty()) continue;  // reported as missing
    const std::string at = child_path(path + ".topics", static_cast<std::size_t>(i)) + ".pattern";
    Result<TopicPattern> pattern = TopicPattern::parse(text);
    if (!pattern.ok()) {
      context.refuse(at, std::string(pattern.status().message()));
    } else if (texts.add(text, at)) {
      all.push_back({*std::move(pattern), at});
    }
  }
  return all;
}

/// Takes out the patterns that an earlier one leaves nothing.
void refuse_shadowed(std::vector<Written>& all, const RuleContext& context) {
  for (std::size_t i = 0; i < all.size();) {
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(i);
    const auto earlier = std::find_if(all.begin(), end, [&](const Written& other) {
      return other.pattern.covers(all[i].pattern);
    });
    if (earlier == end) {
      ++i;
      continue;
    }
    context.refuse(all[i].path,
                   "never matches, because the first pattern that takes a topic decides its "
                   "labels and " +
                       quote(earlier->pattern.text()) + context.at_line(earlier->path) +
                       " takes all of " + quote(all[i].pattern.text()) +
                       "; put the narrower one first, or remove one");
    all.erase(end);
  }
}

/// Those that are subscribed: one inside another is not.
std::vector<const Written*> outermost(const std::vector<Written>& all) {
  std::vector<const Written*> kept;
  for (const Written& inner : all) {
    const bool inside_another = std::any_of(all.begin(), all.end(), [&](const Written& outer) {
      return &outer != &inner && outer.pattern.covers(inner.pattern);
    });
    if (!inside_another) kept.push_back(&inner);
  }
  return kept;
}

void refuse_partial_overlaps(const std::vector<Written>& all, const RuleContext& context) {
  const std::vector<const Written*> subscribed = outermost(all);
  for (auto later = subscribed.begin(); later != subscribed.end(); ++later) {
    const auto earlier = std::find_if(subscribed.begin(), later, [&](const Written* other) {
      return other->pattern.overlaps((*later)->pattern);
    });
    if (earlier == later) continue;
    context.refuse((*later)->path, shared_topics_advice((*earlier)->pattern, (*later)->pattern));
  }
}

}  // namespace

void check_topics(const v1::SourceConfig& source, const std::string& path,
                  const RuleContext& context) {
  std::vector<Written> patterns = parse_all(source.mqtt(), path + ".mqtt", context);
  refuse_shadowed(patterns, context);
  refuse_partial_overlaps(patterns, context);
  for (int i = 0; i < source.decode().labels_size(); ++i) {
    const std::string& name = source.decode().labels(i).name();
    const auto captures = [&](const Written& written) {
      const auto& names = written.pattern.names();
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    const auto same = std::find_if(patterns.begin(), patterns.end(), captures);
    if (same == patterns.end()) continue;
    context.refuse(child_path(path + ".decode.labels", static_cast<std::size_t>(i)) + ".name",
                   "label " + quote(name) + " is also captured by the topic pattern " +
                       quote(same->pattern.text()) + context.at_line(same->path) +
                       "; rename one of them");
  }
}

}  // namespace sluice::schema
