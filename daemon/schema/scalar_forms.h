#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::schema {

/// The written forms of single values. Parsers take the whole text or nothing: no spaces, no signs,
/// no leading zeros (`010` reads as 8 in some tools and as 10 in others), nothing after the value.

/// "0" … "18446744073709551615".
std::optional<std::uint64_t> parse_whole_number(std::string_view text);
/// "true" or "false".
std::optional<bool> parse_boolean(std::string_view text);
/// A whole number and one of ns, us, ms, s, m, h, d. Empty too when it exceeds 2^63-1 ns.
std::optional<std::int64_t> parse_duration_ns(std::string_view text);
/// A whole number, alone or with one of KiB, MiB, GiB, TiB. Empty too when it exceeds 2^64-1.
std::optional<std::uint64_t> parse_size_bytes(std::string_view text);
/// [A-Za-z0-9._-]{1,64}
bool is_name(std::string_view text);
/// A name that stands for itself as a label or an environment variable: [A-Za-z_][A-Za-z0-9_]*
bool is_identifier(std::string_view text);

/// The shortest form that parses back to the same value: 90000000000 is "90s", 0 is "0s".
std::string format_duration_ns(std::int64_t duration_ns);
std::string format_size_bytes(std::uint64_t size_bytes);

}  // namespace sluice::schema
