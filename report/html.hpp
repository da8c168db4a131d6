// report.html: one self-contained page, opened from disk, in which the model itself runs; no
// network.
#pragma once

#include <string>
#include <vector>

#include "report/page_data.hpp"

namespace limen::report {

// The built page (report/page/) with the data put in.
std::string html_page(const Page& page);

// One sentence: what the machine can do and what binds there. Needs the page's machine.
std::string verdict(const Page& page);

// The fitted machine: key, value, interval, evidence.
struct ParameterRow {
  std::string key, value, interval, evidence, source;
};
std::vector<ParameterRow> parameter_rows(const model::Machine& machine);

}  // namespace limen::report
