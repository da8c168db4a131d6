#include "probes/mpi_facts.hpp"

#include <fstream>
#include <system_error>

#include "model/error.hpp"

namespace limen::probes {

namespace fs = std::filesystem;

fs::path mpi_facts_file(const fs::path& run_directory, int ranks) {
  return run_directory / ("mpi-" + std::to_string(ranks) + ".json");
}

void write_json(const fs::path& file, const nlohmann::json& value) {
  const fs::path draft = file.string() + ".new";
  std::ofstream out(draft);
  out << value.dump(1) << '\n';
  out.close();
  std::error_code why;
  if (out) fs::rename(draft, file, why);
  if (!out || why)
    throw Error(file.string() + ": cannot be written; is the disk full, or the folder not yours?");
}

std::optional<MpiFacts> read_mpi_facts(const fs::path& run_directory) {
  std::optional<MpiFacts> best;
  std::error_code why;
  for (const fs::directory_entry& entry : fs::directory_iterator(run_directory, why)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("mpi-", 0) != 0 || entry.path().extension() != ".json") continue;
    std::ifstream in(entry.path());
    const auto json = nlohmann::json::parse(in, nullptr, false);
    if (!json.is_object() || !json.contains("ranks") || !json["ranks"].is_number_integer())
      continue;
    const MpiFacts facts{
        json.value("library", ""),        json.value("launcher", ""),
        json["ranks"].get<int>(),         json.value("hosts", 0),
        json.value("interrupted", false), json.value("node_hosts", std::vector<std::string>())};
    if (!best || best->ranks < facts.ranks) best = facts;
  }
  return best;
}

}  // namespace limen::probes
