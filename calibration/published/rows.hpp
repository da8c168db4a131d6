// The kinds of published measurement, as numbers that the laws understand.
//
// A row keeps the names of the table beside what they were understood as. What could not be
// understood is said in `problem`, and the row is then predicted by nobody. Columns that a table
// lacks are unknown, never guessed, but for these: a batch, rank count or bit width of the usual
// kind.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "calibration/published/table.hpp"
#include "model/cards/device.hpp"
#include "model/cards/known_model.hpp"

namespace limen::calibration {

enum class RowKind { product, attention, all_reduce, decode, memory, launch };
const char* name(RowKind kind);

struct PublishedRow {
  RowKind kind = RowKind::decode;
  int line = 0;
  std::string device_name, framework, source, quality;
  const cards::Device* device = nullptr;
  std::string variant;  // of the law: the kernel, the KV format, the library's class, the engine
  double measured = 0;  // seconds; decode: tokens a second of one user
  std::string problem;  // why it cannot be predicted

  // product: tokens m, outputs n, inputs k; attention: sequences m, query heads n, KV heads k
  double m = 0, n = 0, k = 0;
  double weight_bytes = 0, activation_bytes = 2;  // an element
  bool host_timed = false;                        // the launch from the host is in the time
  double context = 0, head_dim = 0, bytes = 0;    // attention: KV bytes; all-reduce: the message
  int ranks = 1, nodes = 1;
  double link = 0;  // bytes a second, where it is not the device's own; else 0

  // decode
  std::optional<model::Transformer> transformer;
  std::string model_name;
  model::Format format = model::Format::bf16, kv = model::Format::bf16;
  double kv_bytes = 2;
  double batch = 1;
  model::Partition partition;
  double input = 0, output = 128;
  bool with_prefill = false, speculative = false;
};

// Which kind of table the header is of. Throws Error if of none.
RowKind kind_of(const Table& table);
std::vector<PublishedRow> rows_of(const Table& table);

// The law's variant for a library and launch mode of an all-reduce, and for a serving engine.
std::string library_class(const std::string& library, const std::string& mode);
std::string engine_class(const std::string& framework);

}  // namespace limen::calibration
