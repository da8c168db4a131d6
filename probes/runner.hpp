// Takes the samples of one visit, with Google Benchmark as the loop. The only file that knows that
// library.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "results/measurement.hpp"

namespace limen::probes {

// Seconds that one call takes, by the steady clock.
double time_once(const std::function<void()>& call);

// `count` samples of what timed(inner) returns, in seconds, each divided by `inner`, marked with
// what disturbed it. Fewer if stop() says so between two samples.
results::Visit take_samples(const std::function<double(std::int64_t)>& timed, std::int64_t inner,
                            std::int64_t count, const std::function<bool()>& stop);

}  // namespace limen::probes
