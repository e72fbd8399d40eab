#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/config_error.h"

namespace sluice::schema {

struct YamlEntry;

/// One node of a YAML document, reduced to what a config may contain.
struct YamlNode {
  enum class Kind {
    null,      ///< nothing, `~` or `null`
    scalar,    ///< `text`
    sequence,  ///< `items`
    mapping,   ///< `entries`, keys unique
    refused,   ///< already reported; nothing more is said about it
  };
  Kind kind = Kind::null;
  std::string text;
  bool quoted = false;   ///< in quotes or a block scalar: text, whatever it looks like
  bool literal = false;  ///< came from the environment: `${` in it means nothing
  Place place;
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;

  YamlEntry* find(std::string_view key);
};

struct YamlEntry {
  std::string key;
  Place place;
  YamlNode value;
};

/// `path.key`, or `key` at the top.
std::string child_path(std::string_view path, std::string_view key);
/// `path[index]`.
std::string child_path(std::string_view path, std::size_t index);

/// Reads one document. Refuses, with its place, what would make a config mean something else than
/// it seems to: duplicate keys, anchors and aliases, merge keys, tags, directives, a second
/// document, text that is not UTF-8, and anything past the limits below. An empty document is an
/// empty mapping. Empty: the text cannot be read at all, and `errors` says why.
std::optional<YamlNode> parse_yaml(std::string_view text, ErrorList& errors);

inline constexpr std::size_t kYamlBytesMax = 1 << 20;
inline constexpr std::size_t kYamlNodesMax = 50000;
inline constexpr std::size_t kYamlKeysMax = 1024;  // of one mapping
inline constexpr std::size_t kYamlDepthMax = 32;
inline constexpr std::size_t kYamlKeyBytesMax = 256;

}  // namespace sluice::schema
