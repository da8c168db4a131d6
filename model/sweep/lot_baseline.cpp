#include "model/sweep/lot-inl.hpp"
#include "model/sweep/lot_targets.hpp"

namespace limen::model {

struct Baseline {
  using Pack = double __attribute__((vector_size(16)));
};

void evaluate_lot_baseline(const Lot& lot, Figures& out, std::size_t at) {
  LotOf<Lanes<Baseline>>::evaluate(lot, out, at);
}

}  // namespace limen::model
