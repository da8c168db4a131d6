#include "calibration/published/import.hpp"

#include <charconv>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include "calibration/published/rows.hpp"
#include "calibration/published/table.hpp"
#include "model/error.hpp"

namespace limen::calibration {

namespace {

struct Kept {
  const char *from, *to;
  std::vector<const char*> columns;
};

const std::vector<Kept>& kept() {
  static const std::vector<Kept> all = {
      {"microbenchmarks.csv",
       "memory.csv",
       {"device", "metric", "working_set_bytes", "condition", "value", "unit"}},
      {"gemv_gemm.csv",
       "products.csv",
       {"device", "framework", "m", "n", "k", "weight_dtype", "weight_bits", "act_dtype", "time_s",
        "time_is"}},
      {"attention_decode.csv",
       "attention.csv",
       {"device", "framework", "batch", "context_tokens", "n_heads", "n_kv_heads", "head_dim",
        "kv_dtype", "time_s"}},
      {"allreduce.csv",
       "all_reduce.csv",
       {"device", "n_devices", "n_nodes", "interconnect", "library", "mode", "dtype",
        "message_bytes", "time_s", "time_is"}},
      {"decode.csv",
       "decode.csv",
       {"system",
        "device",
        "n_devices",
        "tp",
        "pp",
        "ep",
        "dp",
        "framework",
        "framework_version",
        "model",
        "weight_format",
        "weight_bits",
        "kv_bits",
        "batch",
        "batch_is",
        "input_tokens",
        "output_tokens",
        "measure",
        "tokens_per_s_user",
        "speculative",
        "date"}}};
  return all;
}

// "4096.0" as "4096"; other figures to 6 digits, more than any of them has.
std::string shorter(const Table& t, const Table::Row& r, const char* column) {
  const std::string& cell = t.text(r, column);
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  const bool number = error == std::errc() && end == cell.data() + cell.size();
  return number && cell.find('.') != std::string::npos ? fmt::format("{:.6g}", value)
                                                       : quoted_cell(cell);
}

}  // namespace

std::map<std::string, std::string> compact_published(const std::string& folder) {
  const std::filesystem::path path(folder);
  struct Source {
    std::string where, revision, licence;
  };
  std::map<std::string, Source> sources;
  const Table named = load_table((path / "sources.csv").string());
  for (const auto& r : named.rows)
    sources[named.text(r, "source_id")] = {named.text(r, "source"), named.text(r, "commit_or_date"),
                                           named.text(r, "licence_as_stated")};
  std::map<std::string, std::string> files;
  std::map<std::string, std::size_t> numbers;  // of each provenance, in the order of appearance
  std::string provenance = "provenance,source_id,source,revision,licence,path,note\n";
  for (const Kept& k : kept()) {
    if (!std::filesystem::exists(path / k.from)) continue;
    const Table t = load_table((path / k.from).string());
    rows_of(t);  // throws on what cannot be read
    std::string& out = files[k.to];
    for (const char* c : k.columns) out.append(c).append(",");
    out += "source_id,quality,provenance\n";
    for (const auto& r : t.rows) {
      const std::string& id = t.text(r, "source_id");
      const auto source = sources.find(id);
      if (source == sources.end())
        throw Error(
            fmt::format("{}:{}: source_id '{}' is not in sources.csv", t.origin, r.line, id));
      const std::string where =
          fmt::format("{},{},{},{},{},{}", quoted_cell(id), quoted_cell(source->second.where),
                      quoted_cell(source->second.revision), quoted_cell(source->second.licence),
                      quoted_cell(t.text(r, "source_path")), quoted_cell(t.text(r, "note")));
      const auto [at, fresh] = numbers.try_emplace(where, numbers.size() + 1);
      if (fresh) provenance += fmt::format("{},{}\n", at->second, where);
      for (const char* c : k.columns) out.append(shorter(t, r, c)).append(",");
      out += fmt::format("{},{},{}\n", quoted_cell(id), t.text(r, "quality"), at->second);
    }
  }
  if (files.empty())
    throw Error(folder +
                ": holds none of microbenchmarks.csv, gemv_gemm.csv, attention_decode.csv, "
                "allreduce.csv, decode.csv");
  files["provenance.csv"] = provenance;
  return files;
}

}  // namespace limen::calibration
