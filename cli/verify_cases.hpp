// What `limen verify` runs: models reduced to as many layers as it takes, and the prediction of
// each case.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "model/prediction.hpp"
#include "probes/decode.hpp"

namespace limen::cli {

// The model at one format and several points, reduced: to as few layers as make a step read `least`
// bytes (weights and cache; two layers, and one of each kind of attention and of network at least),
// if they take no more than `most`. Where not even those fit and `deal_experts` allows it, as few
// experts are kept in memory as do: each then stands for several others, and is read as often as
// they would be. Error if nothing fits, or if no step of this model is built.
probes::DecodeOrder reduced(const model::Transformer& t, model::Format weights,
                            const std::vector<probes::DecodePoint>& points, double least,
                            double most, bool deal_experts);
// What was left out and how it is scaled out, for a reader.
std::string reduction_text(const model::Transformer& t, const probes::DecodeOrder& order);

// The machine as this engine uses it: activations are exchanged in 32 bits, where the model counts
// 16.
model::Machine with_wide_activations(model::Machine m);

// The machine with a memory of `scale` times the bandwidth; the laws, which are relative to it,
// stay.
model::Machine with_memory(model::Machine m, double scale);

// Seconds of a step by operator, exchanges and the rest (scalar work, which the model hides behind
// attention) included; without the effects that add in the total.
kernels::OpSeconds predicted_operators(const model::Machine& m, const model::Case& c);

}  // namespace limen::cli
