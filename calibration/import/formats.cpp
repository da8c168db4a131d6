#include "calibration/import/formats.hpp"

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::calibration::importing {

std::span<const Format> formats() {
  static const Format table[] = {gbench,      nvbandwidth, nccl_tests, osu,
                                 babelstream, stream,      llama_bench};
  return table;
}

namespace {

std::string names() {
  std::string all;
  for (const Format& f : formats()) all += (all.empty() ? "" : ", ") + std::string(f.name);
  return all;
}

}  // namespace

const Format& format_named(const std::string& name) {
  for (const Format& f : formats())
    if (name == f.name) return f;
  throw Error(fmt::format("no format '{}' to import; known: {}", name, names()));
}

const Format& format_of(const Source& source) {
  for (const Format& f : formats())
    if (f.recognises(source)) return f;
  source.at(0).fail(
      fmt::format("not recognised as the output of any of {}; is its beginning cut off?", names()));
}

}  // namespace limen::calibration::importing
