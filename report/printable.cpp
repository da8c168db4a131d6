#include "report/printable.hpp"

#include <algorithm>
#include <cstdint>

namespace limen::report {
namespace {

// Length of the character that begins at text[i] and its code point; 0 if it is malformed.
struct Decoded {
  std::size_t length = 0;
  std::uint32_t code = 0;
};
Decoded decoded(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned first = byte(i);
  if (first < 0x80) return {1, first};
  const std::size_t length = first >= 0xf0 && first < 0xf5   ? 4
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xc2 && first < 0xe0 ? 2
                                                             : 0;
  if (length == 0 || i + length > text.size()) return {};
  std::uint32_t code = first & (0xffu >> (length + 1));
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i + k) & 0x3fu);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool outside = code > 0x10ffff || (code >= 0xd800 && code < 0xe000);
  return overlong || outside ? Decoded{} : Decoded{length, code};
}

bool harmless(std::uint32_t c) {
  const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
  const bool invisible = (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
                         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c & 0xfffe) == 0xfffe ||
                         (c >= 0xfff9 && c <= 0xfffb) || c >= 0xe0000;
  return !control && !invisible;
}

// Columns of one character. What may be wide is taken to be: from Hangul on, but for punctuation,
// symbols, boxes and dots.
int columns_of(std::uint32_t c) { return c < 0x1100 || (c >= 0x2000 && c < 0x2e80) ? 1 : 2; }

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded d = decoded(text, i);
    if (d.length > 0 && harmless(d.code)) {
      out += text.substr(i, d.length);
    } else {
      out += '?';
    }
    i += d.length > 0 ? d.length : 1;
  }
  return out;
}

std::vector<std::string> characters(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = std::max<std::size_t>(1, decoded(text, i).length);
    out.emplace_back(text.substr(i, length));
    i += length;
  }
  return out;
}

int columns(std::string_view text) {
  int sum = 0;
  for (const auto& c : characters(text)) sum += columns_of(decoded(c, 0).code);
  return sum;
}

std::vector<std::string> wrapped(std::string_view text, int most) {
  std::vector<std::string> out;
  std::string line, word;
  const auto end_word = [&] {
    if (!line.empty() && columns(line) + 1 + columns(word) > most) {
      out.push_back(line);
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    word.clear();
  };
  for (const auto& c : characters(text)) {
    if (c == " ") {
      if (!word.empty()) end_word();
      continue;
    }
    if (columns(word) + columns(c) > most) end_word();
    word += c;
  }
  if (!word.empty()) end_word();
  if (!line.empty()) out.push_back(line);
  return out;
}

std::string shortened(std::string_view text, int most) {
  if (columns(text) <= most) return std::string(text);
  std::string out;
  int used = 1;
  for (const auto& c : characters(text)) {
    used += columns(c);
    if (used > most) break;
    out += c;
  }
  return out + "…";
}

}  // namespace limen::report
