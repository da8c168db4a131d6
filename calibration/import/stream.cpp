// STREAM's table, and that of `limen export --stream`. Rates are in MB/s of 1e6 bytes, times in
// seconds. Where the size of the arrays is not printed, it follows from the best rate and the
// shortest time.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "calibration/import/stream_kernels.hpp"

namespace limen::calibration::importing {

namespace {

bool recognises(const Source& source) {
  return source.contains("Best Rate MB/s") || source.contains("STREAM version");
}

std::int64_t number_after(const std::vector<Cell>& words, const char* sign) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i].text == sign) return words[i + 1].integer();
  words.back().place.fail(fmt::format("expected '{}' and a number", sign));
}

void read(const Source& source, const Unsaid& unsaid, Collector& into) {
  Unsaid said = unsaid;
  double elements = 0, element = 8;
  std::int64_t executions = 1;
  bool table = false, wrong = false;
  std::vector<StreamRow> rows;
  for (const Line& line : lines_of(source)) {
    const auto begins = [&](const char* text) { return line.text.rfind(text, 0) == 0; };
    const std::vector<Cell> words = words_of(source, line);
    if (begins("STREAM version") && words.size() > 3) into.version = words[3].text;
    if (begins("This system uses") && words.size() > 3)
      element = static_cast<double>(words[3].integer());
    if (begins("Array size =")) elements = static_cast<double>(number_after(words, "="));
    if (begins("Number of Threads counted")) said.threads = number_after(words, "=");
    if (begins("Each kernel will be executed") && words.size() > 5)
      executions = std::max<std::int64_t>(1, words[5].integer() - 1);  // the first is left out
    wrong = wrong || begins("Failed Validation");
    if (begins("Function")) {
      if (line.text.find("Best Rate MB/s") == std::string::npos)
        source.at(line.number).fail("expected the heading 'Best Rate MB/s'");
      table = true;
    } else if (table && begins("---")) {
      table = false;
    } else if (table && !words.empty()) {
      std::string name = slug(words[0].text);
      const StreamKernel* kernel = stream_kernel(name);
      if (!kernel) words[0].place.fail(fmt::format("no kernel of STREAM: '{}'", name));
      if (words.size() != 5)
        words[0].place.fail(
            fmt::format("{} figures instead of 4; is the line cut off?", words.size() - 1));
      const double rate = words[1].number() * 1e6, shortest = words[3].number();
      if (rate == 0 || shortest == 0)
        words[1].place.fail("0 is no figure that was measured; it is below the resolution");
      const double array = elements * element;
      const double moved =
          array > 0 ? array * (kernel->read + kernel->written) : std::round(rate * shortest);
      constexpr double resolution = 0.51e-6;
      if (std::abs(moved / rate - shortest) > resolution + 1e-3 * shortest)
        words[1].place.fail(
            fmt::format("{:.0f} bytes at this rate take {:.6f} s, not {:.6f}: a "
                        "figure is damaged",
                        moved, moved / rate, shortest));
      rows.push_back({kernel, array, moved, element, words[2].number(), moved / rate,
                      words[4].number(), executions, words[2].place});
    }
  }
  if (rows.empty()) source.at(0).fail("holds no row of results; was the run cut off?");
  for (const StreamRow& row : rows) collect(row, "stream", said, into);
  if (wrong) into.invalidate_all("STREAM's validation of the result failed");
}

}  // namespace

const Format stream{"stream", "MB/s of 1e6 bytes, seconds", recognises, read};

}  // namespace limen::calibration::importing
