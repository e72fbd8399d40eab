#include "model/topic_pattern.h"

#include <algorithm>

#include "base/shown_text.h"
#include "base/utf8.h"

namespace sluice {
namespace {
constexpr std::size_t kPatternBytesMax = 65535;  // MQTT 5.0, 1.5.4: a length of two bytes
constexpr std::size_t kNameBytesMax = 64;

bool is_name(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (text.empty() || text.size() > kNameBytesMax || !letter(text.front())) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// What makes a text unfit before its levels are looked at; empty when nothing.
std::string_view whole_fault(std::string_view text) {
  if (text.empty()) return "is empty; write e.g. 'site/{site}/telemetry'";
  if (text.size() > kPatternBytesMax) return "is longer than 65535 bytes, which MQTT cannot carry";
  if (text.find('\0') != std::string_view::npos) return "holds a NUL, which MQTT forbids in topics";
  if (!is_utf8(text)) return "is not UTF-8";
  if (text == "$share" || text.starts_with("$share/")) {
    return "is a shared subscription: the broker would hand a part of the messages to other "
           "clients and redeliver across clients, where copies cannot be told; leave out "
           "'$share/GROUP/'";
  }
  return {};
}

/// The next level of `rest`, which loses it and the slash.
std::string_view take_level(std::string_view& rest, bool& last) {
  const std::size_t slash = rest.find('/');
  last = slash == std::string_view::npos;
  const std::string_view level = rest.substr(0, slash);
  rest = last ? std::string_view() : rest.substr(slash + 1);
  return level;
}
}  // namespace

Result<TopicPattern::Level> TopicPattern::parse_level(std::string_view text) {
  if (text == "+") return Level{Kind::any, {}};
  if (text == "#") return Level{Kind::rest, {}};
  if (text.find_first_of("{}") == std::string_view::npos) {
    if (text.find_first_of("+#") == std::string_view::npos) {
      return Level{Kind::literal, std::string(text)};
    }
    return invalid_argument("has a + or # beside other characters; a wildcard is a whole level");
  }
  if (text.front() != '{' || text.find('}') != text.size() - 1) {
    return invalid_argument("is not a whole capture; a level is either text or one {name}");
  }
  const std::string_view name = text.substr(1, text.size() - 2);
  if (!is_name(name)) {
    return invalid_argument(
        "captures without a proper name; a name is a letter or _, then letters, digits and _, at "
        "most 64");
  }
  return Level{Kind::capture, std::string(name)};
}

Status TopicPattern::add_level(std::string_view text, bool last) {
  Result<Level> level = parse_level(text);
  if (!level.ok()) return level.status();
  if (level->kind == Kind::rest && !last) {
    return invalid_argument("stands before the end; # takes all levels below it and comes last");
  }
  if (level->kind == Kind::capture) {
    if (std::find(names_.begin(), names_.end(), level->text) != names_.end()) {
      return invalid_argument("repeats a name; each capture is a label of its own");
    }
    names_.push_back(level->text);
  }
  if (!levels_.empty()) filter_ += '/';
  filter_ += level->kind == Kind::capture ? std::string_view("+") : text;
  levels_.push_back(std::move(*level));
  return {};
}

Result<TopicPattern> TopicPattern::parse(std::string_view text) {
  if (const std::string_view fault = whole_fault(text); !fault.empty()) {
    return invalid_argument("topic pattern " + shown(text) + " " + std::string(fault));
  }
  TopicPattern pattern;
  pattern.text_ = text;
  std::string_view rest = text;
  for (bool last = false; !last;) {
    const std::string_view level = take_level(rest, last);
    if (Status s = pattern.add_level(level, last); !s.ok()) {
      return invalid_argument("topic pattern " + shown(text) + ": level " +
                              std::to_string(pattern.levels_.size() + 1) + ", " + shown(level) +
                              ", " + std::string(s.message()));
    }
  }
  // "/#" would take the empty topic as its parent, which MQTT does not have: it equals "/+/#".
  if (pattern.filter_ == "/#") pattern.levels_.insert(++pattern.levels_.begin(), {Kind::any, {}});
  return pattern;
}

bool TopicPattern::match(std::string_view topic, std::vector<std::string_view>& captures) const {
  captures.clear();
  if (topic.empty() || (topic.front() == '$' && starts_with_wildcard())) return false;
  std::string_view rest = topic;
  bool last = false;
  for (const Level& level : levels_) {
    if (level.kind == Kind::rest) return true;  // also with nothing left: "a/#" takes "a"
    if (last) {
      captures.clear();
      return false;
    }
    const std::string_view text = take_level(rest, last);
    if (level.kind == Kind::capture) captures.push_back(text);
    if (level.kind == Kind::literal && level.text != text) {
      captures.clear();
      return false;
    }
  }
  if (!last) captures.clear();
  return last;
}

bool TopicPattern::parted_by_dollar(const TopicPattern& other) const {
  return (starts_with_wildcard() && other.starts_with_dollar()) ||
         (starts_with_dollar() && other.starts_with_wildcard());
}

bool TopicPattern::covers(const TopicPattern& other) const {
  if (parted_by_dollar(other)) return false;
  for (std::size_t i = 0;; ++i) {
    const bool ended = i == levels_.size();
    if (!ended && levels_[i].kind == Kind::rest) return true;
    const bool other_ended = i == other.levels_.size();
    if (ended || other_ended) return ended && other_ended;
    const Level& theirs = other.levels_[i];
    if (theirs.kind == Kind::rest) return false;
    if (levels_[i].kind != Kind::literal) continue;
    if (theirs.kind != Kind::literal || theirs.text != levels_[i].text) return false;
  }
}

bool TopicPattern::overlaps(const TopicPattern& other) const {
  if (parted_by_dollar(other)) return false;
  for (std::size_t i = 0;; ++i) {
    const bool ended = i == levels_.size();
    const bool other_ended = i == other.levels_.size();
    if (!ended && levels_[i].kind == Kind::rest) return true;
    if (!other_ended && other.levels_[i].kind == Kind::rest) return true;
    if (ended || other_ended) return ended && other_ended;
    const bool both_literal =
        levels_[i].kind == Kind::literal && other.levels_[i].kind == Kind::literal;
    if (both_literal && levels_[i].text != other.levels_[i].text) return false;
  }
}

std::string TopicPattern::common_filter(const TopicPattern& other) const {
  const auto rest_at = [](const TopicPattern& p, std::size_t i) {
    return i >= p.levels_.size() || p.levels_[i].kind == Kind::rest;
  };
  std::string common;
  for (std::size_t i = 0; i < levels_.size() || i < other.levels_.size(); ++i) {
    if (i > 0) common += "/";
    if (rest_at(*this, i) || rest_at(other, i)) return common + "#";
    const bool same = levels_[i].kind == Kind::literal && other.levels_[i].kind == Kind::literal;
    common += same ? levels_[i].text : "+";
  }
  return common;
}

std::string shared_topics_advice(const TopicPattern& first, const TopicPattern& later) {
  return "topic patterns " + shown(first.text()) + " and " + shown(later.text()) +
         " share a part of their topics, and the broker may deliver such a message twice; add a "
         "pattern after them that covers both, such as " +
         shown(first.common_filter(later)) + ", or move one of them to a source of its own";
}

Result<std::vector<TopicFilter>> reduce_filters(const std::vector<TopicSubscription>& patterns) {
  std::vector<TopicSubscription> kept;
  for (const TopicSubscription& next : patterns) {
    const auto cover = std::find_if(kept.begin(), kept.end(), [&](const TopicSubscription& k) {
      return k.pattern.covers(next.pattern);
    });
    if (cover != kept.end()) {
      cover->qos = std::max(cover->qos, next.qos);
      continue;
    }
    TopicSubscription wider = next;
    std::erase_if(kept, [&](const TopicSubscription& k) {
      if (!next.pattern.covers(k.pattern)) return false;
      wider.qos = std::max(wider.qos, k.qos);
      return true;
    });
    kept.push_back(std::move(wider));
  }
  std::vector<TopicFilter> filters;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    for (std::size_t j = i + 1; j < kept.size(); ++j) {
      const TopicPattern& a = kept[i].pattern;
      const TopicPattern& b = kept[j].pattern;
      if (!a.overlaps(b)) continue;
      return invalid_argument(shared_topics_advice(a, b));
    }
    filters.push_back({kept[i].pattern.filter(), kept[i].qos});
  }
  return filters;
}

}  // namespace sluice
