// limen import-published: tables of published measurements -> the compact ones that calibrate
// reads.
#include <filesystem>
#include <memory>

#include "calibration/published/import.hpp"
#include "cli/commands.hpp"
#include "cli/write_file.hpp"

namespace limen::cli {

void add_import_published(CLI::App& app, Exit&) {
  struct Options {
    std::string from, to;
  };
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "import-published", "Compact tables of published measurements, each row with its provenance");
  command->add_option("FOLDER", o->from, "Holds gemv_gemm.csv, allreduce.csv, ... and sources.csv")
      ->required();
  command->add_option("-o,--output", o->to, "The folder to write")->required();
  command->callback([o] {
    const auto files = calibration::compact_published(o->from);
    std::error_code failed;
    std::filesystem::create_directories(o->to, failed);
    for (const auto& [name, text] : files) {
      const std::string file = (std::filesystem::path(o->to) / name).string();
      write_file(file, text);
    }
  });
}

}  // namespace limen::cli
