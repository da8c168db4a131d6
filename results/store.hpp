// One directory a run: run.json (schema, provenance) and samples.jsonl (append-only, one line a
// visit or verdict). A line is written whole by one write(2) to a file opened for appending, so
// that a killed run loses at most the line being written, and several processes of one run can
// append to the same file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "results/measurement.hpp"
#include "results/provenance.hpp"

namespace limen::results {

inline constexpr int schema_version = 1;

class RunWriter {
 public:
  // Makes the directory and run.json. Error if it holds a run already or cannot be written.
  static RunWriter create(const std::filesystem::path& directory, const Provenance& provenance);
  // The same in a new folder of `parent`: `name`, or name-2, name-3, ... where that is taken. Any
  // number of processes may do so at once, also on several hosts that share `parent` by NFS.
  static RunWriter create_in(const std::filesystem::path& parent, const std::string& name,
                             const Provenance& provenance);
  // Opens an existing run for appending (the MPI ranks that `limen run` starts; a resumed run).
  static RunWriter append_to(const std::filesystem::path& directory);

  RunWriter(RunWriter&&) noexcept;
  RunWriter& operator=(RunWriter&&) noexcept;
  ~RunWriter();

  // One visit of a case. Error if a sample is not finite and positive, or on a full disk.
  void visit(const std::string& probe, const Parameters& parameters, const model::Work& work,
             const Visit& visit);
  // How a case ended: Samples{} with only `stop` set, Skipped or Invalid. A later verdict replaces
  // an earlier one, and Invalid voids the samples.
  void verdict(const std::string& probe, const Parameters& parameters, const model::Work& work,
               const Outcome& outcome);
  // Rewrites run.json (atomically, by rename) with what is known at the end.
  void finish(const Provenance& provenance);

  const std::filesystem::path& directory() const { return directory_; }

 private:
  RunWriter(std::filesystem::path directory, int fd);
  void line(const std::string& text);

  std::filesystem::path directory_;
  int fd_ = -1;
};

// Puts a whole file in place by rename, or leaves what was there: no reader sees a part of it. What
// is no regular file (a pipe, a terminal) is written to. Error if it cannot be written.
void write_file(const std::filesystem::path& target, const std::string& text);

struct Run {
  std::filesystem::path directory;
  Provenance provenance;
  std::vector<Measurement>
      measurements;                   // in order of first appearance; the visits of a case joined
  std::vector<std::string> warnings;  // for example a last line that was cut off by a kill
};

// Error (file, line) on anything malformed but a cut-off last line, which is a warning; an unknown
// schema is refused.
Run load_run(const std::filesystem::path& directory);

// Only where a run comes from, without its samples. Errors as above.
Provenance load_provenance(const std::filesystem::path& directory);

}  // namespace limen::results
