#include "calibration/published/rows.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "model/error.hpp"

namespace limen::calibration {

namespace {

std::string lower(const std::string& text) {
  std::string out;
  for (char c : text) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool holds(const std::string& text, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](const char* w) { return text.find(w) != std::string::npos; });
}

void product(const Table& t, const Table::Row& r, PublishedRow& row) {
  row.m = t.positive(r, "m");
  row.n = t.positive(r, "n");
  row.k = t.positive(r, "k");
  row.measured = t.positive(r, "time_s");
  row.host_timed = t.text(r, "time_is") == "as listed";
  const std::string& type = t.text(r, "weight_dtype");
  const auto format =
      cards::known_format(type.empty() ? "bf16" : type, t.number(r, "weight_bits").value_or(0));
  if (!format) {
    row.problem = "unknown weight type '" + type + "'";
    return;
  }
  row.format = format->format;
  row.variant = format->kernel;
  row.weight_bytes = format->bytes;
  // Plug-ins are timed by events, each alone (steps of 1.024 us show it): with their launch.
  if (holds(lower(row.framework), {"trtllm"}) &&
      (row.variant == "int4" || row.variant == "int8" || row.variant == "w8a8"))
    row.host_timed = true;
  const std::string act = lower(t.text(r, "act_dtype"));
  row.activation_bytes =
      act.empty() ? (format->kernel == "w8a8" || format->format == model::Format::fp8 ? 1 : 2)
      : holds(act, {"8"})   ? 1
      : holds(act, {"32"})  ? 4
      : holds(act, {"fp4"}) ? 0.5
                            : 2;
}

void attention(const Table& t, const Table::Row& r, PublishedRow& row) {
  row.m = t.positive(r, "batch");
  row.context = t.positive(r, "context_tokens");
  row.n = t.positive(r, "n_heads");
  row.k = t.positive(r, "n_kv_heads");
  row.head_dim = t.number(r, "head_dim").value_or(128);
  row.measured = t.positive(r, "time_s");
  const std::string kv = lower(t.text(r, "kv_dtype"));
  row.kv = holds(kv, {"8"}) ? model::Format::fp8 : model::Format::bf16;
  row.variant = model::name(row.kv);
  row.bytes = row.m * row.context * row.k * row.head_dim * 2 * model::element_bytes(row.kv);
}

// Microbenchmarks: of the metrics those that a law speaks of.
void microbenchmark(const Table& t, const Table::Row& r, PublishedRow& row) {
  const std::string &metric = t.text(r, "metric"), condition = lower(t.text(r, "condition"));
  const double value = t.positive(r, "value");
  if (metric == "kernel_overhead") {
    row.kind = RowKind::launch;
    row.variant = holds(condition, {"graph"})        ? "graph"
                  : holds(condition, {"persistent"}) ? "persistent"
                                                     : "stream";
    row.measured = value;
    return;
  }
  row.variant = "read";
  constexpr double large = 4e9;  // where only "beyond the caches" is said
  row.bytes = t.number(r, "working_set_bytes").value_or(large);
  row.measured = row.bytes / value;
  if (metric != "dram_read_bw" && metric != "dram_read_bw_large_set" &&
      metric != "shared_cache_read_bw")
    row.problem = "no law of the metric '" + metric + "'";
}

void all_reduce(const Table& t, const Table::Row& r, PublishedRow& row) {
  row.ranks = static_cast<int>(t.positive(r, "n_devices"));
  row.bytes = t.positive(r, "message_bytes");
  row.measured = t.positive(r, "time_s");
  row.nodes = static_cast<int>(t.number(r, "n_nodes").value_or(1));
  row.variant = library_class(t.text(r, "library"), t.text(r, "mode"));
  // Bridges join pairs of devices; beyond a pair the messages pass the PCIe slots.
  const std::string path = lower(t.text(r, "interconnect"));
  if (holds(path, {"pairs"}))
    row.link = row.ranks == 2 ? 300e9 : holds(path, {"nvlink4"}) ? 64e9 : 32e9;
  if (row.ranks < 2) row.problem = "an all-reduce needs 2 devices or more";
}

void decode(const Table& t, const Table::Row& r, PublishedRow& row) {
  row.variant = engine_class(row.framework);
  row.batch = t.number(r, "batch").value_or(1);
  const auto user = t.number(r, "tokens_per_s_user"), system = t.number(r, "tokens_per_s_system");
  if (user && *user > 0) {
    row.measured = *user;
  } else if (system && *system > 0 && row.batch > 0) {
    row.measured = *system / row.batch;
  } else {
    throw Error(fmt::format("{}:{}: tokens_per_s_user: neither it nor tokens_per_s_system is given",
                            t.origin, r.line));
  }
  row.partition.tp =
      static_cast<int>(t.number(r, "tp").value_or(t.number(r, "n_devices").value_or(1)));
  row.partition.pp = static_cast<int>(t.number(r, "pp").value_or(1));
  row.partition.ep = static_cast<int>(t.number(r, "ep").value_or(1));
  row.partition.dp = static_cast<int>(t.number(r, "dp").value_or(1));
  if (row.partition.tp < 1 || row.partition.pp < 1 || row.partition.ep < 1 ||
      row.partition.dp < 1 || row.batch < 1)
    throw Error(fmt::format("{}:{}: tp, pp, ep, dp and batch must be 1 or more", t.origin, r.line));
  row.model_name = t.text(r, "model");
  row.transformer = cards::known_model(row.model_name);
  if (!row.transformer) row.problem = "unknown model '" + row.model_name + "'";
  const std::string& type = t.text(r, "weight_format");
  // Without a column for it the format may stand in the model's name: "llama 7B Q4_0".
  auto format = cards::known_format(type, t.number(r, "weight_bits").value_or(0));
  if (!format) format = cards::known_format(row.model_name);
  if (!format) format = cards::known_format("bf16");
  row.format = format->format;
  row.weight_bytes = format->bytes;
  row.kv_bytes = t.number(r, "kv_bits").value_or(16) / 8;
  row.kv = row.kv_bytes < 1.5 ? model::Format::fp8 : model::Format::bf16;
  row.input = t.number(r, "input_tokens").value_or(0);
  row.output = std::max(1.0, t.number(r, "output_tokens").value_or(128));
  const std::string measure = lower(t.text(r, "measure"));
  row.with_prefill = holds(measure, {"prefill", "end to end", "end-to-end", "throughput"}) &&
                     !holds(measure, {"without prefill", "prefill excluded"});
  const std::string speculative = lower(t.text(r, "speculative"));
  row.speculative = !speculative.empty() && speculative != "no" && speculative != "0" &&
                    speculative != "false" && speculative != "none";
  if (row.speculative && row.problem.empty()) row.problem = "speculative decoding";
}

}  // namespace

const char* name(RowKind kind) {
  switch (kind) {
    case RowKind::product:
      return "linear";
    case RowKind::attention:
      return "attention";
    case RowKind::all_reduce:
      return "all_reduce";
    case RowKind::decode:
      return "decode";
    case RowKind::memory:
      return "memory";
    case RowKind::launch:
      return "launch";
  }
  return "";
}

std::string library_class(const std::string& library, const std::string& mode) {
  const std::string l = lower(library), m = lower(mode);
  if (holds(l, {"framework"}) || holds(l, {"torch.distributed"})) return "framework";
  if (holds(m, {"custom_eager", "eager"})) return "eager";
  if (holds(l, {"vllm", "sglang"}) || holds(m, {"graph"})) return "graph";
  if (holds(l, {"trtllm", "tensorrt"}) || holds(m, {"one/two", "oneshot", "one-shot"}))
    return "fused";
  return "nccl";
}

std::string engine_class(const std::string& framework) {
  const std::string f = lower(framework);
  if (holds(f, {"tensorrt", "trt", "nim"})) return "trtllm";
  // SGLang steps like vLLM: captured graphs, the same kernels of attention and all-reduce.
  if (holds(f, {"vllm", "sglang"})) return "vllm";
  if (holds(f, {"gpt-fast", "gptfast", "torchao", "torch.compile"})) return "gpt-fast";
  if (holds(f, {"lmdeploy", "turbomind"})) return "lmdeploy";
  if (holds(f, {"llama.cpp", "llama-bench", "llama.c", "ggml", "ollama", "llamacpp"}))
    return "llama.cpp";
  if (holds(f, {"fastertransformer"})) return "fastertransformer";
  if (holds(f, {"deepspeed-mii", "mii", "fastgen"})) return "deepspeed-mii";
  if (holds(f, {"deepspeed"})) return "deepspeed";
  if (holds(f, {"autoawq", "awq"})) return "autoawq";
  return "unknown";
}

RowKind kind_of(const Table& t) {
  if (t.has("metric") && t.has("value")) return RowKind::memory;
  if (t.has("message_bytes") && t.has("time_s")) return RowKind::all_reduce;
  if (t.has("n_kv_heads") && t.has("context_tokens")) return RowKind::attention;
  if (t.has("m") && t.has("n") && t.has("k")) return RowKind::product;
  if (t.has("tokens_per_s_user") || t.has("tokens_per_s_system")) return RowKind::decode;
  throw Error(
      t.origin +
      ":1: the header is of no table that is known: decode (tokens_per_s_user), all-reduce "
      "(message_bytes, time_s), products (m, n, k), attention (n_kv_heads, context_tokens)");
}

std::vector<PublishedRow> rows_of(const Table& t) {
  const RowKind kind = kind_of(t);
  std::vector<PublishedRow> rows;
  for (const Table::Row& r : t.rows) {
    PublishedRow row;
    row.kind = kind;
    row.line = r.line;
    row.device_name = t.text(r, "device");
    row.framework = t.text(r, "framework");
    row.source = t.text(r, "source_id");
    row.quality = t.text(r, "quality");
    row.device = cards::find_device(row.device_name);
    switch (kind) {
      case RowKind::product:
        product(t, r, row);
        break;
      case RowKind::attention:
        attention(t, r, row);
        break;
      case RowKind::all_reduce:
        all_reduce(t, r, row);
        break;
      case RowKind::decode:
        decode(t, r, row);
        break;
      case RowKind::memory:
      case RowKind::launch:
        microbenchmark(t, r, row);
        break;
    }
    if (!row.device) row.problem = "unknown device '" + row.device_name + "'";
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace limen::calibration
