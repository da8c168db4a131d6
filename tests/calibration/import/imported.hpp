// Imports a text as a file of a folder of this test.
#pragma once

#include <string>

#include "calibration/import/import.hpp"
#include "model/error.hpp"
#include "results/statistics.hpp"
#include "results/text.hpp"
#include "tests/calibration/import/samples.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::tests {

inline results::Run imported(const std::string& text, const std::string& name = "made.txt") {
  const Folder folder;
  spill(folder / name, text);
  calibration::importing::Request request;
  request.files = {(folder / name).string()};
  request.unsaid.ranks = 4;
  return calibration::importing::import_files(request);
}

// What is wrong with the text; "" if nothing is.
inline std::string refusal(const std::string& text) {
  try {
    imported(text);
  } catch (const Error& e) {
    const std::string what = e.what();
    return what.substr(what.find("made.txt"));
  }
  return "";
}

inline std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  if (at == std::string::npos) throw std::logic_error("the sample does not hold " + what);
  return text.replace(at, what.size(), with);
}

// "probe key=value ...", as `limen show` prints a case.
inline std::string name_of(const results::Measurement& m) {
  return m.probe + " " + results::describe(m.parameters);
}
inline const results::Measurement& case_of(const results::Run& run, const std::string& name) {
  for (const auto& m : run.measurements)
    if (name_of(m) == name) return m;
  std::string all;
  for (const auto& m : run.measurements) all.append(1, '\n').append(name_of(m));
  throw std::logic_error("no case '" + name + "' among" + all);
}
inline const results::Samples& samples_of(const results::Run& run, const std::string& name) {
  return std::get<results::Samples>(case_of(run, name).outcome);
}
inline double median_of(const results::Run& run, const std::string& name) {
  return results::summarize(samples_of(run, name)).median;
}

}  // namespace limen::tests
