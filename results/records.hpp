// The JSON forms of what the store keeps: run.json and the lines of samples.jsonl.
#pragma once

#include <optional>
#include <string>

#include "results/measurement.hpp"
#include "results/provenance.hpp"

namespace limen::results {

// run.json as text, ending in a newline.
std::string run_record(const Provenance& provenance);
// Error (opening with `file`) on another schema version or anything malformed.
Provenance read_run_record(const std::string& text, const std::string& file);

// One line of samples.jsonl: of a visit, or of a verdict.
struct Record {
  Measurement about;  // its outcome is the verdict, when there is no visit
  std::optional<Visit> visit;
};
// The line without its newline. Error on a sample that is not finite and positive.
std::string record_line(const Record& record);
Record read_record(const std::string& text, const std::string& file, std::size_t line);

}  // namespace limen::results
