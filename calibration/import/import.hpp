// Output files of other tools -> a run, as if limen had measured it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "calibration/import/formats.hpp"

namespace limen::calibration::importing {

struct Request {
  std::vector<std::string> files;
  std::string format;   // "": each file's own content says
  std::string machine;  // the name of what was measured; "": what the files say, if they do
  Unsaid unsaid;
};

// The provenance says what the files do, and nothing of the host that imports them; the run starts
// when the first file says that it did. Notes for the user are its warnings. Error on anything
// malformed, on the same file twice, and on files of different hosts under no common name.
results::Run import_files(const Request& request);

// Writes a run at once: into a folder beside `directory` that takes its name at the end, so that
// there is all of it or nothing. Error if `directory` exists or cannot be written.
void write_whole(const results::Run& run, const std::filesystem::path& directory);

}  // namespace limen::calibration::importing
