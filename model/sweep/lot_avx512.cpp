#include "model/sweep/lot-inl.hpp"
#include "model/sweep/lot_targets.hpp"

namespace limen::model {

struct Avx512 {
  using Pack = double __attribute__((vector_size(64)));
};

void evaluate_lot_avx512(const Lot& lot, Figures& out, std::size_t at) {
  LotOf<Lanes<Avx512>>::evaluate(lot, out, at);
}

}  // namespace limen::model
