#include "calibration/import/import.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::calibration::importing {

namespace fs = std::filesystem;

namespace {

// One host a run: two machines as one would be no machine.
void agree(std::string& known, const std::string& here, const char* what, const std::string& file) {
  if (known.empty()) known = here;
  if (!here.empty() && here != known)
    throw Error(
        fmt::format("{}: measured on {} '{}', the files before on '{}': import them into "
                    "runs of their own, or name the machine with --machine-name",
                    file, what, here, known));
}

}  // namespace

results::Run import_files(const Request& request) {
  results::Run run;
  results::Provenance& p = run.provenance;
  Collector all;
  std::set<std::string> hashes;
  for (const std::string& file : request.files) {
    const Source source = read_source(file);
    if (!hashes.insert(source.hash()).second)
      throw Error(file + ": the same as a file before; its samples would count twice");
    const Format& format =
        request.format.empty() ? format_of(source) : format_named(request.format);
    all.version = all.device = all.host = all.cpu_model = all.started = "";
    format.read(source, request.unsaid, all);
    if (request.machine.empty()) {
      agree(p.host, all.host, "host", file);
      agree(p.cpu_model, all.cpu_model, "CPU", file);
    } else if (p.cpu_model.empty()) {
      p.cpu_model = all.cpu_model;
    }
    if (p.started.empty()) p.started = all.started;
    p.imported.push_back(
        {fs::path(file).filename().string(), source.hash(), format.name, all.version, all.device});
  }
  if (!request.machine.empty()) p.host = request.machine;
  run.warnings = all.notes;
  run.measurements = all.take();
  return run;
}

void write_whole(const results::Run& run, const fs::path& directory) {
  fs::path target = directory;
  if (!target.has_filename()) target = target.parent_path();  // "runs/a/"
  std::error_code why;
  if (fs::exists(fs::symlink_status(target, why)))
    throw Error(target.string() + ": exists already; name a new folder");
  const fs::path draft = fmt::format("{}.importing-{}", target.string(), ::getpid());
  try {
    results::RunWriter writer = results::RunWriter::create(draft, run.provenance);
    for (const results::Measurement& m : run.measurements) {
      const auto* samples = std::get_if<results::Samples>(&m.outcome);
      if (samples)
        for (const results::Visit& visit : samples->visits)
          writer.visit(m.probe, m.parameters, m.work, visit);
      writer.verdict(m.probe, m.parameters, m.work,
                     samples ? results::Outcome(results::Samples{{}, samples->stop}) : m.outcome);
    }
    fs::rename(draft, target);
  } catch (const fs::filesystem_error& e) {
    fs::remove_all(draft, why);
    throw Error(fmt::format("{}: cannot be written ({}); choose a folder that you may write to",
                            target.string(), e.code().message()));
  } catch (...) {
    fs::remove_all(draft, why);
    throw;
  }
}

}  // namespace limen::calibration::importing
