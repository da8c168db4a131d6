// gemm: a matrix times several columns; what a decode step of a batch does, from bandwidth-bound to
// compute-bound.
#include "probes/product_case.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

using kernels::Format;

std::vector<Case> cases(Bench& bench) {
  const std::vector<std::size_t> tokens = bench.quick()
                                              ? std::vector<std::size_t>{2, 8, 32}
                                              : std::vector<std::size_t>{1, 2, 4, 8, 16, 32, 64};
  const std::vector<std::size_t> rows =
      bench.quick() ? std::vector<std::size_t>{4096} : std::vector<std::size_t>{4096, 14336};
  const std::vector<int> threads =
      bench.quick() ? std::vector<int>{bench.all_threads()} : one_and_all(bench);
  std::vector<Case> all;
  for (const int n : threads) {
    for (const auto format : {Format::fp32, Format::bf16, Format::int8, Format::int4}) {
      for (const auto r : rows) {
        for (const auto t : tokens)
          all.push_back(product_case(bench, {format, r, 4096}, t, n, Residence::cold));
      }
    }
  }
  return all;
}

}  // namespace

const Probe gemm{"gemm", "How fast is a matrix times several columns, for each format of weights?",
                 cases};

}  // namespace limen::probes
