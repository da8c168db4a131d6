#include "cli/conclude.hpp"

#include <fstream>

#include <fmt/format.h>

#include "calibration/calibrate.hpp"
#include "cli/usual_cases.hpp"
#include "model/cards/machine_card.hpp"
#include "model/error.hpp"
#include "report/html.hpp"

namespace limen::cli {
namespace {

namespace fs = std::filesystem;

void write_file(const fs::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (!out)
    throw Error(fmt::format("cannot write {}; is the disk full?", file.string()), Exit::unfit);
}

std::string summary(const report::Page& page, const calibration::Calibration& c) {
  std::string out = "The fitted machine (90 % intervals)\n";
  for (const auto& row : report::parameter_rows(*page.machine)) {
    out +=
        fmt::format("  {:<46} {:>14}  {:<28} {}\n", row.key, row.value, row.interval, row.evidence);
  }
  out += "\nHow well the laws describe the measurements (relative error)\n";
  for (const auto& law : c.laws) {
    out += fmt::format(
        "  {:<36} {:>4} points  median {:>5.1f} %  largest {:>5.1f} %  left out {:>7}\n", law.law,
        law.n, 100 * law.median_error, 100 * law.largest_error,
        law.held_out ? fmt::format("{:.1f} %", 100 * *law.held_out) : "-");
  }
  for (const auto& u : page.machine->unidentified) out += fmt::format("  not identified: {}\n", u);
  return fmt::format("{}\n{}\n{}", out, report::to_table(page.here),
                     report::to_table(page.hypothetical));
}

}  // namespace

void conclude(const results::Run& run, bool json) {
  const std::string& name = run.provenance.host;
  const fs::path& directory = run.directory;
  const auto calibration = calibration::calibrate({run}, name);
  for (const auto& w : calibration.notes) fmt::print(stderr, "limen: {}\n", w);
  if (!calibration.machine.memory_bandwidth)
    throw Error(fmt::format("{}: memory was not measured (memory.stream), so nothing can be "
                            "predicted; `limen calibrate` fits what there is",
                            directory.string()),
                Exit::failed);
  const report::Page page{.runs = {&run},
                          .machine = &calibration.machine,
                          .here = usual_cases_on(calibration.machine),
                          .hypothetical = usual_cases_elsewhere()};
  write_file(directory / "machine.toml", cards::write_machine(calibration.machine));
  if (calibration.machine.description != run.provenance.cpu_model)  // GPUs; their host beside them
    write_file(directory / "machine-cpu.toml",
               cards::write_machine(
                   calibration::calibrate({run}, name, calibration::Subject::cpu).machine));
  write_file(directory / "report.html", report::html_page(page));
  if (json) {
    auto all = page.here;
    all.insert(all.end(), page.hypothetical.begin(), page.hypothetical.end());
    fmt::print("{}", report::to_json(all));
  } else {
    fmt::print("{}\n\n{}", report::verdict(page), summary(page, calibration));
  }
  fmt::print(stderr, "limen: machine {}\nlimen: report {}\n", (directory / "machine.toml").string(),
             fs::absolute(directory / "report.html").string());
}

}  // namespace limen::cli
