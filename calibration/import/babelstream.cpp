// BabelStream, its table and --csv. Rates are in the unit that the heading names, MB of 1e6 bytes
// unless --mibibytes or another was asked for; times in seconds. Its mean leaves out the first run,
// so it is of num_times - 1. Copy, Triad and Dot are memory.stream's copy, triad and read.
//
// The table prints times to 10 us: --csv has more digits.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "calibration/import/stream_kernels.hpp"

namespace limen::calibration::importing {

namespace {

bool recognises(const Source& source) {
  return source.contains("BabelStream\n") || source.contains("BabelStream\r\n") ||
         source.contains("function,num_times,n_elements,sizeof,") ||
         source.contains("phase,n_elements,sizeof,");
}

// Bytes in the unit of a heading: "MBytes/sec", "MiB/s", "max_mbytes_per_sec", "gibytes_per_sec".
double unit_of(const Cell& heading) {
  std::string name = slug(heading.text);
  if (name.rfind("max_", 0) == 0) name.erase(0, 4);
  const bool binary = name.size() > 1 && name[1] == 'i';
  const std::string rest = name.size() > 1 ? name.substr(binary ? 2 : 1) : "";
  const auto power = std::string("mgt").find(name[0]);
  if (power == std::string::npos ||
      (rest != "bytes_sec" && rest != "b_s" && rest != "bytes_per_sec" && rest != "b_per_sec"))
    heading.place.fail(fmt::format("no unit of a rate: '{}'", heading.text));
  return std::pow(binary ? 1024.0 : 1000.0, static_cast<double>(power) + 2);
}

struct Times {
  Cell name, rate, shortest, longest, mean;
};

// `lost`: what printing may have taken from a time, in seconds.
void add(const Times& t, double unit, double array, double element, std::int64_t runs, double lost,
         const Unsaid& unsaid, Collector& into) {
  const StreamKernel* kernel = stream_kernel(slug(t.name.text));
  if (!kernel) t.name.place.fail(fmt::format("no kernel of BabelStream: '{}'", t.name.text));
  const double rate = t.rate.number() * unit, shortest = t.shortest.number();
  if (rate == 0 || t.mean.number() == 0)
    t.rate.place.fail("0 is no figure that was measured; --csv prints more digits");
  const double moved = array * (kernel->read + kernel->written);
  if (std::abs(moved / rate - shortest) > lost + 2e-3 * shortest)
    t.rate.place.fail(
        fmt::format("{:.0f} bytes at this rate take {:.3g} s, not {:.3g}: a figure is "
                    "damaged",
                    moved, moved / rate, shortest));
  const double longest = std::max(t.longest.number(), moved / rate);
  collect({kernel, array, moved, element, t.mean.number(), moved / rate, longest,
           std::max<std::int64_t>(1, runs - 1), t.mean.place},
          "babelstream", unsaid, into);
}

// "Init: 0.12 s (=6709.7 MBytes/sec)": three arrays are filled, or read back to the host.
void add_phase(const Cell& name, double seconds, double array, const Place& place,
               Collector& into) {
  into.add({"babelstream." + slug(name.text) + "_phase",
            {{"bytes", static_cast<std::int64_t>(3 * array)}},
            moves(0, 3 * array)},
           {seconds}, 1, place);
}

class Table {
 public:
  Table(const Source& source, const Unsaid& unsaid, Collector& into)
      : source_(source), unsaid_(unsaid), into_(into) {}

  void read() {
    for (const Line& line : lines_of(source_)) {
      const std::vector<Cell> words = words_of(source_, line);
      if (words.size() < 2) continue;
      const std::string& first = words[0].text;
      if (first == "Version:") into_.version = words[1].text;
      if (first == "Running")
        for (std::size_t i = 1; i + 1 < words.size(); ++i)
          if (words[i + 1].text == "times") runs_ = words[i].integer();
      if (line.text.rfind("Number of elements:", 0) == 0) elements_ = words.back().integer();
      if (first == "Precision:") element_ = precision(words[1]);
      if (line.text.rfind("Array size:", 0) == 0) array_size(words);
      if (line.text.rfind("Using", 0) == 0) into_.device = trimmed(line.text.substr(5));
      if ((first == "Init:" || first == "Read:") && array() > 0)
        add_phase(words[0], words[1].number(), array(), words[1].place, into_);
      if (first == "Function") {
        unit_ = unit_of(words[1]);
      } else if (unit_ > 0) {
        row(words);
      }
    }
    if (into_.empty()) source_.at(0).fail("holds no row of results; was the run cut off?");
  }

 private:
  static double precision(const Cell& word) {
    if (word.text == "double") return 8;
    if (word.text == "float") return 4;
    word.place.fail("neither double nor float");
  }

  // "Array size: 268.4 MB (=0.3 GB)", rounded: the power of two that rounds to it, if there is one.
  void array_size(const std::vector<Cell>& words) {
    if (words.size() < 4) words[0].place.fail("expected a size and its unit");
    const double unit = unit_of({words[3].text + "/s", words[3].place}), size = words[2].number();
    printed_ = size * unit;
    half_ = 0.05 * unit;
    for (double n = 1024; n < 1e13; n *= 2)
      if (std::abs(n * element_ - printed_) <= half_) {
        printed_ = n * element_;
        half_ = 0;
      }
  }
  double array() const {
    return elements_ > 0 ? static_cast<double>(elements_) * element_ : std::round(printed_);
  }

  void row(const std::vector<Cell>& words) {
    if (words.size() != 5)
      words[0].place.fail(
          fmt::format("{} figures instead of 4; is the line cut off?", words.size() - 1));
    if (array() == 0)
      words[0].place.fail("the size of the arrays is missing above ('Array size:')");
    const double lost = 0.51e-5 + (elements_ > 0 ? 0 : half_ / array() * words[2].number());
    add({words[0], words[1], words[2], words[3], words[4]}, unit_, array(), element_, runs_, lost,
        unsaid_, into_);
    constexpr double coarse = 0.02;
    if (0.5e-5 > coarse * words[4].number() && into_.notes.empty())
      into_.notes.push_back(source_.file +
                            ": times of a few 10 us are printed to 10 us; --csv has more digits");
  }

  const Source& source_;
  const Unsaid& unsaid_;
  Collector& into_;
  std::int64_t elements_ = 0, runs_ = 1;
  double element_ = 8, printed_ = 0, half_ = 0, unit_ = 0;
};

void read_csv(const Source& source, const Unsaid& unsaid, Collector& into) {
  std::vector<Cell> headings;
  for (const Line& line : lines_of(source)) {
    const std::vector<Cell> cells = cells_of(source, line, ',');
    const std::string& first = cells[0].text;
    if (first == "function" || first == "phase") {
      headings = cells;
      continue;
    }
    if (headings.empty() || trimmed(line.text).empty()) continue;
    if (cells.size() != headings.size())
      cells[0].place.fail(fmt::format("{} cells under {} headings; is the line cut off?",
                                      cells.size(), headings.size()));
    const auto cell = [&](const std::string& name) {
      for (std::size_t i = 0; i < headings.size(); ++i)
        if (headings[i].text == name) return cells[i];
      headings[0].place.fail(fmt::format("no column '{}'", name));
    };
    const double element = static_cast<double>(cell("sizeof").integer());
    const double array = static_cast<double>(cell("n_elements").integer()) * element;
    if (array == 0) cells[0].place.fail("an array of no bytes");
    if (headings[0].text == "phase") {
      add_phase(cells[0], cell("runtime").number(), array, cells[0].place, into);
      continue;
    }
    const bool one = headings.back().text == "runtime";  // --triad-only: all runs together
    if (one) {
      const auto runs = std::max<std::int64_t>(1, cell("num_times").integer());
      const Cell time = cell("runtime");
      const StreamKernel* kernel = stream_kernel(slug(first));
      if (!kernel) cells[0].place.fail(fmt::format("no kernel of BabelStream: '{}'", first));
      const double mean = time.number() / static_cast<double>(runs);
      collect({kernel, array, 0, element, mean, mean, mean, runs, time.place}, "babelstream",
              unsaid, into);
      continue;
    }
    add({cells[0], cells[4], cell("min_runtime"), cell("max_runtime"), cell("avg_runtime")},
        unit_of(headings[4]), array, element, cell("num_times").integer(), 0, unsaid, into);
  }
  if (into.empty()) source.at(0).fail("holds no row of results; was the run cut off?");
}

void read(const Source& source, const Unsaid& unsaid, Collector& into) {
  if (source.contains("n_elements,sizeof,")) {
    read_csv(source, unsaid, into);
  } else {
    Table(source, unsaid, into).read();
  }
  if (source.contains("FAILED validation") || source.contains("Validation failed"))
    into.invalidate_all("BabelStream's validation of the result failed");
}

}  // namespace

const Format babelstream{"babelstream", "MB/s of 1e6 bytes or as headed, seconds", recognises,
                         read};

}  // namespace limen::calibration::importing
