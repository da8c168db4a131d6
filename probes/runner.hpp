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

// `count` samples of execute(inner), each divided by `inner`, marked with what disturbed it. Fewer
// if stop() says so between two samples.
results::Visit take_samples(const std::function<void(std::int64_t)>& execute, std::int64_t inner,
                            std::int64_t count, const std::function<bool()>& stop);

}  // namespace limen::probes
