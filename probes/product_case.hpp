// Cases of Y = A X for the probes gemv and gemm: where weights lie, and how results are checked.
#pragma once

#include <cstddef>

#include "kernels/cpu/matrix.hpp"
#include "probes/bench.hpp"
#include "probes/probe.hpp"

namespace limen::probes {

enum class Residence { cold, cached };

// Cold: each call takes the next of a ring of matrices that fills the bench's memory, so that no
// weight is in a cache; a call is a sample, dispatch and join included, as in a decode. A thread's
// four bands run through the four quarters of its memory, matrix after matrix. Cached: one small
// matrix, again and again: the ceiling of the format's arithmetic.
Case product_case(Bench& bench, const kernels::Shape& shape, std::size_t tokens, int threads,
                  Residence residence);

// 1 and all.
std::vector<int> one_and_all(const Bench& bench);

// The shape whose weights stay in a core's second-level cache.
kernels::Shape cached_shape(kernels::Format format, int threads);

}  // namespace limen::probes
