// evaluate_lot, once for each instruction set that the build has.
#pragma once

#include "model/sweep/lot.hpp"

namespace limen::model {

void evaluate_lot_baseline(const Lot& lot, Figures& out, std::size_t at);
#if LIMEN_SWEEP_AVX
void evaluate_lot_avx2(const Lot& lot, Figures& out, std::size_t at);
void evaluate_lot_avx512(const Lot& lot, Figures& out, std::size_t at);
#endif

}  // namespace limen::model
