// What `limen verify` runs: models reduced to as many layers as it takes, and the prediction of
// each case.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "model/prediction.hpp"
#include "probes/decode.hpp"

namespace limen::cli {

// Why no decode step of this model is built here; empty if one is.
std::string not_built(const model::Transformer& t);

// The model at one format and several points, reduced: to as few layers as make a step read `least`
// bytes (weights and cache, two layers at least), if they take no more than `most`. Error if not
// even two layers fit.
probes::DecodeOrder reduced(const model::Transformer& t, model::Format weights,
                            const std::vector<probes::DecodePoint>& points, double least,
                            double most);
// What attention sees of a context.
std::size_t seen_of(const model::Transformer& t, std::size_t context);

// The machine as this engine uses it: activations are exchanged in 32 bits, where the model counts
// 16.
model::Machine with_wide_activations(model::Machine m);

// Seconds of a step by operator, exchanges and the rest (scalar work, which the model hides behind
// attention) included; without the effects that add in the total.
kernels::OpSeconds predicted_operators(const model::Machine& m, const model::Case& c);

}  // namespace limen::cli
