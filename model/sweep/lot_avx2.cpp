#include "model/sweep/lot-inl.hpp"
#include "model/sweep/lot_targets.hpp"

namespace limen::model {

struct Avx2 {
  using Pack = double __attribute__((vector_size(32)));
};

void evaluate_lot_avx2(const Lot& lot, Figures& out, std::size_t at) {
  LotOf<Lanes<Avx2>>::evaluate(lot, out, at);
}

}  // namespace limen::model
