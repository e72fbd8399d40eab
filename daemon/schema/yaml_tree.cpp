#include "schema/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

#include "schema/utf8.h"

namespace sluice::schema {
namespace {

/// Thrown from inside an event to end the parsing; parse_yaml catches it.
struct Stop {
  Place place;
  std::string message;
};

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (true) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

Place place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1, ""}; }

/// Builds the tree from yaml-cpp's events. Its own node tree would not do: that one has already
/// followed aliases and forgotten which scalars were quoted.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, ErrorList& errors)
      : lines_(split_lines(text)), errors_(errors) {}

  YamlNode& root() { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override { root_.place = place_of(mark); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode node;
    node.place = place_of(mark);
    refuse_anchor(mark, anchor);
    add(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    errors_.add(place_of(mark), next_path(),
                "aliases (*name) are not accepted; write the value out here");
    YamlNode node;
    node.kind = YamlNode::Kind::refused;
    node.place = place_of(mark);
    add(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = start(YamlNode::Kind::scalar, mark, tag, anchor);
    node.quoted = tag == "!";
    if (!quote_is_closed(mark)) throw Stop{node.place, "a quote is opened here, not closed"};
    node.text = value;
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(start(YamlNode::Kind::sequence, mark, tag, anchor));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(start(YamlNode::Kind::mapping, mark, tag, anchor));
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    YamlNode node;
    bool key_read = false;  ///< of a mapping: the next node is the value of `key`
    bool skip = false;      ///< that value is read and thrown away
    std::string key;
    Place key_place;
  };

  /// The key path of the node that comes next.
  std::string next_path() const {
    std::string path;
    for (const Frame& frame : frames_) {
      if (frame.node.kind == YamlNode::Kind::sequence) {
        path = child_path(path, frame.node.items.size());
      } else if (frame.key_read) {
        path = child_path(path, frame.key);
      }
    }
    return path;
  }

  YamlNode start(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
                 YAML::anchor_t anchor) {
    YamlNode node;
    node.kind = kind;
    node.place = place_of(mark);
    refuse_anchor(mark, anchor);
    if ((tag != "?" && tag != "!") || source_char(mark) == '!') {
      errors_.add(node.place, next_path(), "tags (!name) are not accepted; remove it");
      node.kind = kind == YamlNode::Kind::scalar ? YamlNode::Kind::refused : kind;
    }
    return node;
  }

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor == YAML::anchor_t{0}) return;
    errors_.add(place_of(mark), next_path(), "anchors (&name) are not accepted; remove it");
  }

  /// yaml-cpp reports the same tag for `"text"` and `! text`; the source tells them apart.
  char source_char(const YAML::Mark& mark) const {
    const auto line = static_cast<std::size_t>(mark.line);
    const auto column = static_cast<std::size_t>(mark.column);
    return line < lines_.size() && column < lines_[line].size() ? lines_[line][column] : '\0';
  }

  /// yaml-cpp takes the end of the file for the end of a quoted scalar.
  bool quote_is_closed(const YAML::Mark& mark) const {
    const char quote = source_char(mark);
    if (quote != '"' && quote != '\'') return true;
    const char* const end = lines_.back().data() + lines_.back().size();
    const char* at = lines_[static_cast<std::size_t>(mark.line)].data() + mark.column + 1;
    for (; at < end; ++at) {
      const bool pair = quote == '"' ? *at == '\\' : *at == '\'' && at + 1 < end && at[1] == '\'';
      if (pair) {
        ++at;
      } else if (*at == quote) {
        return true;
      }
    }
    return false;
  }

  void open(YamlNode node) {
    if (frames_.size() >= kYamlDepthMax) {
      throw Stop{node.place, "nested deeper than " + std::to_string(kYamlDepthMax) + " levels"};
    }
    frames_.emplace_back();
    frames_.back().node = std::move(node);
  }

  void close() {
    YamlNode node = std::move(frames_.back().node);
    frames_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (++node_count_ > kYamlNodesMax) {
      throw Stop{node.place, "more than " + std::to_string(kYamlNodesMax) + " values in one file"};
    }
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.kind == YamlNode::Kind::sequence) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.key_read) {
      add_key(frame, node);
    } else {
      add_value(frame, std::move(node));
    }
  }

  void add_key(Frame& frame, const YamlNode& node) {
    frame.key_read = true;
    frame.skip = true;
    frame.key = node.text;
    frame.key_place = node.place;
    if (node.kind != YamlNode::Kind::scalar || node.text.empty()) {
      frame.key = "?";
      errors_.add(node.place, next_path(), "a key must be text");
    } else if (node.text == "<<" && !node.quoted) {
      errors_.add(node.place, next_path(), "merge keys (<<) are not accepted; write the keys out");
    } else if (node.text.size() > kYamlKeyBytesMax) {
      frame.key = node.text.substr(0, 16) + "…";
      errors_.add(node.place, next_path(),
                  "this key is longer than " + std::to_string(kYamlKeyBytesMax) + " bytes");
    } else if (frame.node.entries.size() >= kYamlKeysMax) {
      throw Stop{node.place, "more than " + std::to_string(kYamlKeysMax) + " keys in one mapping"};
    } else if (const YamlEntry* first = frame.node.find(node.text)) {
      errors_.add(node.place, next_path(),
                  "written twice; the first is at line " + std::to_string(first->place.line));
    } else {
      frame.skip = false;
    }
  }

  static void add_value(Frame& frame, YamlNode node) {
    // The mark of an empty value is that of whatever comes next in the file.
    if (node.kind == YamlNode::Kind::null) node.place = frame.key_place;
    if (!frame.skip) {
      frame.node.entries.push_back({std::move(frame.key), frame.key_place, std::move(node)});
    }
    frame.key.clear();
    frame.key_read = false;
  }

  const std::vector<std::string_view> lines_;
  ErrorList& errors_;
  YamlNode root_;
  std::vector<Frame> frames_;
  std::size_t node_count_ = 0;
};

/// Swallows a document; says where it starts.
class DocumentStart final : public YAML::EventHandler {
 public:
  Place place;
  void OnDocumentStart(const YAML::Mark& mark) override { place = place_of(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

/// What yaml-cpp would misread or pass over in silence. False when anything was found.
bool check_text(std::string_view text, ErrorList& errors) {
  if (text.size() > kYamlBytesMax) {
    errors.add({}, "", "larger than " + std::to_string(kYamlBytesMax >> 20) + " MiB");
    return false;
  }
  int number = 0;
  for (std::string_view line : split_lines(text)) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with('%')) {
      errors.add({number, 1, ""}, "", "directives (%…) are not accepted; remove the line");
      return false;
    }
    const std::size_t bad = first_bad_utf8(line);
    if (bad < line.size()) {
      errors.add({number, static_cast<int>(bad) + 1, ""}, "",
                 "not UTF-8 text, or a control character");
      return false;
    }
  }
  return true;
}

}  // namespace

YamlEntry* YamlNode::find(std::string_view key) {
  const auto it = std::find_if(entries.begin(), entries.end(),
                               [&](const YamlEntry& entry) { return entry.key == key; });
  return it == entries.end() ? nullptr : &*it;
}

std::string child_path(std::string_view path, std::string_view key) {
  std::string out(path);
  if (!out.empty()) out += '.';
  return out.append(key);
}

std::string child_path(std::string_view path, std::size_t index) {
  return std::string(path) + "[" + std::to_string(index) + "]";
}

std::optional<YamlNode> parse_yaml(std::string_view text, ErrorList& errors) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!check_text(text, errors)) return std::nullopt;
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    TreeBuilder tree(text, errors);
    DocumentStart second;
    parser.HandleNextDocument(tree);
    if (parser.HandleNextDocument(second)) {
      errors.add(second.place, "",
                 "a second document, or text after the end of the first; one file holds one "
                 "config (check the indentation of this line)");
      return std::nullopt;
    }
    YamlNode& root = tree.root();
    if (root.kind == YamlNode::Kind::null) {
      root.kind = YamlNode::Kind::mapping;
      root.place = {1, 1, ""};
    }
    return std::move(root);
  } catch (const Stop& stop) {
    errors.add(stop.place, "", stop.message);
  } catch (const YAML::Exception& e) {
    errors.add(place_of(e.mark), "", "not valid YAML: " + e.msg);
  }
  return std::nullopt;
}

}  // namespace sluice::schema
