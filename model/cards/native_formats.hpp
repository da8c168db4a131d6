// The formats of a published checkpoint, from its config.json.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "model/transformer.hpp"

namespace limen::cards {

struct NativeFormats {
  model::WeightFormats formats;
  std::string unknown;  // why they are not known, in words; empty if they are
};

// Without `quantization_config` everything has the type `torch_dtype` (or `dtype`; bf16 if neither
// is there). With it the tables and routers keep that type; where it leaves out the attention of
// every layer, only the experts are quantized. Understood are fp8 (a scale a tensor, a channel, or
// 128 x 128 weights), mxfp4, nvfp4, and 4 bits in groups by AWQ, GPTQ and compressed-tensors.
NativeFormats native_formats(const nlohmann::json& config, bool has_experts);

}  // namespace limen::cards
