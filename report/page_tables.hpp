// The tables at the page's end: what is known of the machine, where from, and every measurement.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "report/page_data.hpp"

namespace limen::report {

// An array of {title, note, head, rows}; a heading that begins with '#' stands over figures.
nlohmann::ordered_json tables(const Page& page);

}  // namespace limen::report
