#include "state_codec.hpp"

#include <algorithm>
#include <bit>

namespace sluice::script {
namespace {

// The first byte of a value. A list is a table with the keys 1 to its length and no others.
constexpr char kFalse = 'F';
constexpr char kTrue = 'T';
constexpr char kInteger = 'i';
constexpr char kFloat = 'f';
constexpr char kString = 's';
constexpr char kList = 'l';
constexpr char kTable = 't';

/// Stack slots that one level of tables takes.
constexpr int kSlotsPerLevel = 8;

std::string_view text_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* const text = lua_tolstring(lua, index, &size);
  return {text, size};
}

/// Where in the state a value is, for errors: a key, and the table it is in.
struct Place {
  const Place* table;
  std::string_view key;

  std::string text() const {
    return table == nullptr ? std::string(key) : table->text() + "." + std::string(key);
  }
};

class Encoder {
 public:
  Encoder(lua_State* lua, std::size_t bytes_max) : lua_(lua), bytes_max_(bytes_max) {}

  /// The table at `index`.
  void table(int index, const Place& place, int depth) {
    if (depth > kStateDepthMax) fail(place, "more than 16 tables within each other");
    if (lua_getmetatable(lua_, index) != 0) {
      fail(place, "only tables made in on_reading can be kept, and not r or r.labels");
    }
    luaL_checkstack(lua_, kSlotsPerLevel, "state");
    const SortedKeys keys = sorted_keys(lua_, index);
    check_keys(keys, place);
    const bool is_list = keys.strings.empty() && !keys.integers.empty() &&
                         keys.integers.front() == 1 &&
                         keys.integers.back() == static_cast<lua_Integer>(keys.size());
    put(is_list ? kList : kTable, place);
    put_number(keys.size(), 4);
    for (const lua_Integer key : keys.integers) {
      lua_rawgeti(lua_, index, key);
      if (!is_list) put_integer(key, place);
      member(std::to_string(key), place, depth);
    }
    for (const std::string_view key : keys.strings) {
      lua_pushlstring(lua_, key.data(), key.size());
      lua_rawget(lua_, index);
      put_string(key, place);
      member(key, place, depth);
    }
  }
  std::string take() { return std::move(out_); }

 private:
  [[noreturn]] void fail(const Place& place, const char* what) {
    luaL_error(lua_, "%s: %s", place.text().c_str(), what);
    std::abort();  // luaL_error does not return
  }
  void check_keys(const SortedKeys& keys, const Place& place) {
    if (!keys.floats.empty() || keys.has_false || keys.has_true || keys.odd_type != nullptr) {
      fail(place, "a key that is neither a string nor an integer cannot be kept");
    }
  }
  /// The value on top of the stack, which it takes off.
  void member(std::string_view key, const Place& table_place, int depth) {
    const Place place{&table_place, key};
    value(place, depth);
    lua_pop(lua_, 1);
  }
  void value(const Place& place, int depth) {
    switch (lua_type(lua_, -1)) {
      case LUA_TBOOLEAN: return put(lua_toboolean(lua_, -1) != 0 ? kTrue : kFalse, place);
      case LUA_TNUMBER:
        if (lua_isinteger(lua_, -1) != 0) return put_integer(lua_tointeger(lua_, -1), place);
        put(kFloat, place);
        return put_number(std::bit_cast<std::uint64_t>(lua_tonumber(lua_, -1)), 8);
      case LUA_TSTRING: return put_string(text_at(lua_, -1), place);
      case LUA_TTABLE: return table(lua_gettop(lua_), place, depth + 1);
      default:
        fail(place, (std::string("a ") + luaL_typename(lua_, -1) + " cannot be kept").c_str());
    }
  }
  /// Every value begins here, so the size is looked at once a value.
  void put(char tag, const Place& place) {
    if (out_.size() > bytes_max_) {
      fail(place, ("more than " + std::to_string(bytes_max_) + " bytes (state_max)").c_str());
    }
    out_.push_back(tag);
  }
  void put_number(std::uint64_t v, int bytes) {
    for (int i = 0; i < bytes; ++i) out_.push_back(static_cast<char>(v >> (8 * i)));
  }
  void put_integer(lua_Integer v, const Place& place) {
    put(kInteger, place);
    put_number(static_cast<std::uint64_t>(v), 8);
  }
  void put_string(std::string_view v, const Place& place) {
    put(kString, place);
    put_number(v.size(), 4);
    out_.append(v);
  }

  lua_State* lua_;
  std::size_t bytes_max_;
  std::string out_;
};

class Decoder {
 public:
  Decoder(lua_State* lua, std::string_view bytes) : lua_(lua), bytes_(bytes) {}

  void root() {
    const char tag = take();
    if (tag != kList && tag != kTable) fail();
    value(tag, 1);
    if (!bytes_.empty()) fail();
  }

 private:
  [[noreturn]] void fail() {
    luaL_error(lua_, "the state is damaged");
    std::abort();  // luaL_error does not return
  }
  char take() {
    if (bytes_.empty()) fail();
    const char c = bytes_.front();
    bytes_.remove_prefix(1);
    return c;
  }
  std::uint64_t number(std::size_t size) {
    if (bytes_.size() < size) fail();
    std::uint64_t v = 0;
    for (std::size_t i = size; i > 0; --i) v = (v << 8) | static_cast<unsigned char>(bytes_[i - 1]);
    bytes_.remove_prefix(size);
    return v;
  }
  /// Pushes the value whose tag was taken.
  void value(char tag, int depth) {
    switch (tag) {
      case kFalse:
      case kTrue: return lua_pushboolean(lua_, tag == kTrue ? 1 : 0);
      case kInteger: return lua_pushinteger(lua_, static_cast<lua_Integer>(number(8)));
      case kFloat: return lua_pushnumber(lua_, std::bit_cast<double>(number(8)));
      case kString: return string();
      case kList:
      case kTable: return table(tag == kList, depth);
      default: fail();
    }
  }
  void string() {
    const std::size_t size = number(4);
    if (size > bytes_.size()) fail();
    lua_pushlstring(lua_, bytes_.data(), size);
    bytes_.remove_prefix(size);
  }
  void table(bool is_list, int depth) {
    const std::uint64_t count = number(4);
    // A value has at least one byte, so that no count makes a table larger than its bytes.
    if (depth > kStateDepthMax || count > bytes_.size()) fail();
    luaL_checkstack(lua_, kSlotsPerLevel, "state");
    const int size = static_cast<int>(count);
    lua_createtable(lua_, is_list ? size : 0, is_list ? 0 : size);
    for (std::uint64_t i = 1; i <= count; ++i) {
      if (is_list) {
        lua_pushinteger(lua_, static_cast<lua_Integer>(i));
      } else {
        key();
      }
      value(take(), depth + 1);
      lua_rawset(lua_, -3);
    }
  }
  void key() {
    const char tag = take();
    if (tag != kInteger && tag != kString) fail();
    value(tag, 1);
  }

  lua_State* lua_;
  std::string_view bytes_;
};

}  // namespace

std::size_t SortedKeys::size() const {
  return integers.size() + floats.size() + strings.size() + (has_false ? 1 : 0) +
         (has_true ? 1 : 0);
}

SortedKeys sorted_keys(lua_State* lua, int index) {
  SortedKeys keys;
  lua_pushnil(lua);
  while (lua_next(lua, index) != 0) {
    lua_pop(lua, 1);
    switch (lua_type(lua, -1)) {
      case LUA_TNUMBER:
        if (lua_isinteger(lua, -1) != 0) {
          keys.integers.push_back(lua_tointeger(lua, -1));
        } else {
          keys.floats.push_back(lua_tonumber(lua, -1));
        }
        break;
      case LUA_TSTRING: keys.strings.push_back(text_at(lua, -1)); break;
      case LUA_TBOOLEAN:
        (lua_toboolean(lua, -1) != 0 ? keys.has_true : keys.has_false) = true;
        break;
      default: keys.odd_type = luaL_typename(lua, -1);
    }
  }
  std::sort(keys.integers.begin(), keys.integers.end());
  std::sort(keys.floats.begin(), keys.floats.end());
  std::sort(keys.strings.begin(), keys.strings.end());
  return keys;
}

std::string encode_state(lua_State* lua, int index, const char* name, std::size_t bytes_max) {
  index = lua_absindex(lua, index);
  const Place place{nullptr, name};
  if (lua_type(lua, index) != LUA_TTABLE) {
    luaL_error(lua, "%s is a %s; it has to be a table", name, luaL_typename(lua, index));
  }
  Encoder encoder(lua, bytes_max);
  encoder.table(index, place, 1);
  std::string out = encoder.take();
  if (out.size() > bytes_max) {
    luaL_error(lua, "%s: %I bytes, and at most %I are kept (state_max)", name,
               static_cast<lua_Integer>(out.size()), static_cast<lua_Integer>(bytes_max));
  }
  constexpr std::size_t kEmptyTableBytes = 5;
  if (out.size() == kEmptyTableBytes) out.clear();
  return out;
}

void decode_state(lua_State* lua, std::string_view bytes) {
  if (bytes.empty()) return lua_newtable(lua);
  Decoder(lua, bytes).root();
}

}  // namespace sluice::script
