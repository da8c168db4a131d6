#include "calibration/import/source.hpp"

#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::calibration::importing {

namespace fs = std::filesystem;

void Place::fail(const std::string& what) const {
  std::string where = file;
  for (const std::size_t part : {line, column})
    if (part > 0) where += fmt::format(":{}", part);
  throw Error(where + ": " + what);
}

std::string Source::hash() const {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return fmt::format("{:016x}", hash);
}

Source read_source(const fs::path& file) {
  constexpr std::uintmax_t largest = 256u << 20;
  Source source{file.string(), ""};
  std::error_code why;
  const bool regular = fs::is_regular_file(file, why);
  if (fs::is_directory(file, why)) source.at(0).fail("a folder; name the files in it");
  if (!regular) source.at(0).fail("no such file; name the output of a benchmark, saved to a file");
  if (fs::file_size(file, why) > largest)
    source.at(0).fail("more than 256 MiB, which no benchmark prints");
  std::ifstream in(file, std::ios::binary);
  source.text.assign(std::istreambuf_iterator<char>(in), {});
  if (!in.good() && !in.eof())
    source.at(0).fail(fmt::format("cannot be read ({})", std::strerror(errno)));
  if (source.text.rfind("\xEF\xBB\xBF", 0) == 0) source.text.erase(0, 3);
  if (trimmed(source.text).empty()) source.at(0).fail("empty; the benchmark wrote nothing");
  return source;
}

namespace {

// A word that is not what was wanted may be anything, also long and not text.
std::string shown(const std::string& text) {
  std::string safe;
  for (const char c : text.substr(0, 40))
    safe += std::isprint(static_cast<unsigned char>(c)) != 0 ? c : '?';
  return safe + (text.size() > 40 ? "..." : "");
}

}  // namespace

double Cell::number() const {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::result_out_of_range)
    place.fail(fmt::format("'{}' is out of the range of numbers", shown(text)));
  if (error != std::errc() || stop != end)
    place.fail(fmt::format("expected a number, found '{}'", shown(text)));
  if (!std::isfinite(value) || std::signbit(value))
    place.fail(fmt::format("'{}' is no figure that was measured", shown(text)));
  return value;
}

std::int64_t Cell::integer() const {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < 0 || value > std::int64_t{1} << 62)
    place.fail(fmt::format("expected a whole number from 0 on, found '{}'", shown(text)));
  return value;
}

std::vector<Line> lines_of(const Source& source) {
  std::vector<Line> lines;
  for (std::size_t at = 0; at < source.text.size();) {
    std::size_t end = source.text.find('\n', at);
    if (end == std::string::npos) {
      if (!trimmed(source.text.substr(at)).empty())
        source.at(lines.size() + 1)
            .fail("the last line has no end and may be cut off; add a newline if it is whole");
      end = source.text.size();
    }
    std::string text = source.text.substr(at, end - at);
    if (!text.empty() && text.back() == '\r') text.pop_back();
    lines.push_back({std::move(text), lines.size() + 1});
    at = end + 1;
  }
  return lines;
}

std::vector<Cell> words_of(const Source& source, const Line& line) {
  constexpr const char* blanks = " \t";
  std::vector<Cell> words;
  for (std::size_t at = line.text.find_first_not_of(blanks); at != std::string::npos;) {
    const std::size_t end = std::min(line.text.find_first_of(blanks, at), line.text.size());
    words.push_back({line.text.substr(at, end - at), source.at(line.number, at + 1)});
    at = line.text.find_first_not_of(blanks, end);
  }
  return words;
}

std::vector<Cell> cells_of(const Source& source, const Line& line, char separator) {
  std::vector<Cell> cells;
  const std::string& text = line.text;
  std::size_t at = 0;
  while (true) {
    at = std::min(text.find_first_not_of(" \t", at), text.size());
    Cell cell{"", source.at(line.number, at + 1)};
    if (at < text.size() && text[at] == '"') {
      for (++at; at < text.size() && (text[at] != '"' || text.substr(at, 2) == "\"\""); ++at) {
        cell.text += text[at];
        if (text[at] == '"') ++at;
      }
      if (at == text.size()) cell.place.fail("a quote that is not closed");
      const std::size_t next = text.find_first_not_of(" \t", at + 1);
      if (next != std::string::npos && text[next] != separator)
        source.at(line.number, next + 1).fail("expected the next cell after a closing quote");
      at = std::min(next, text.size());
    } else {
      const std::size_t end = std::min(text.find(separator, at), text.size());
      cell.text = trimmed(std::string_view(text).substr(at, end - at));
      at = end;
    }
    cells.push_back(std::move(cell));
    if (at == text.size()) return cells;
    ++at;
  }
}

std::string trimmed(std::string_view text) {
  constexpr const char* blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(blanks) - first + 1));
}

std::string slug(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) != 0) {
      out += static_cast<char>(std::tolower(u));
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  return out;
}

}  // namespace limen::calibration::importing
