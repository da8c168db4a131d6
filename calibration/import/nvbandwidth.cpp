// nvbandwidth -j. Cells are in GB/s of 1e9 bytes, or in ns where the description says so; "N/A" is
// a pair of devices that was not measured. A cell is a median of three or so copies, which the file
// does not hold. Every testcase keeps its name, as "nvbandwidth.host_to_device_memcpy_ce", with the
// row and column of the cell as printed. The size of a copy is not printed, so the time is that of
// 1e9 bytes at the rate of the cell.
#include <fmt/format.h>

#include "calibration/import/formats.hpp"
#include "calibration/import/json.hpp"

namespace limen::calibration::importing {

namespace {

constexpr double gigabyte = 1e9;

bool recognises(const Source& source) {
  return source.contains("\"nvbandwidth\"") && source.contains("{");
}

void read_cell(const Json& cell, About about, bool latency, Collector& into) {
  // Its numbers are written as texts.
  const Place here = cell.place();
  const double value = cell.is_text() ? Cell{trimmed(cell.text()), here}.number() : cell.number();
  if (value == 0) here.fail("0 is no figure that was measured");
  about.work = latency ? moves(0, 0) : moves(gigabyte, gigabyte);
  into.add(about, {latency ? value / 1e9 : gigabyte / (value * 1e9)}, 1, here);
}

void read_matrix(const Json& testcase, const std::string& probe, Collector& into) {
  const std::string unit = testcase.need("bandwidth_description").text();
  const bool latency = unit.find("(ns)") != std::string::npos;
  if (!latency && unit.find("(GB/s)") == std::string::npos)
    testcase.need("bandwidth_description").fail("names neither GB/s nor ns");
  std::int64_t row = 0;
  for (const Json& cells : testcase.need("bandwidth_matrix").items()) {
    std::int64_t column = 0;
    for (const Json& cell : cells.items()) {
      if (!cell.is_text() || cell.text() != "N/A")
        read_cell(cell, {probe, {{"row", row}, {"column", column}}, {}}, latency, into);
      ++column;
    }
    ++row;
  }
}

void read(const Source& source, const Unsaid&, Collector& into) {
  const Json root = Json::parse(source, source.text).need("nvbandwidth");
  if (const auto version = root.find("version")) into.version = version->text();
  for (const char* key : {"GPU Device list", "GPU Device info"})
    if (const auto devices = root.find(key); devices && !devices->items().empty())
      into.device = devices->items()[0].text();
  const auto testcases = root.find("testcases");
  if (!testcases) {
    const auto error = root.find("error");
    root.fail(error ? "nvbandwidth failed: " + error->text() : "'testcases' is missing");
  }
  for (const Json& testcase : testcases->items()) {
    const std::string probe = "nvbandwidth." + testcase.need("name").text();
    const std::string status = testcase.need("status").text();
    if (status == "Passed") {
      read_matrix(testcase, probe, into);
    } else if (status == "Waived" || status == "Not Found") {
      into.skip({probe, {}, {}}, "nvbandwidth: " + status);
    } else {
      const auto error = testcase.find("error");
      into.invalidate({probe, {}, {}}, error ? error->text() : "nvbandwidth: " + status);
    }
  }
}

}  // namespace

const Format nvbandwidth{"nvbandwidth", "GB/s of 1e9 bytes, ns", recognises, read};

}  // namespace limen::calibration::importing
