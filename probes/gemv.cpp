// gemv: a matrix times a vector, in every format of weights; what a decode step with one token does
// all day.
#include "probes/product_case.hpp"
#include "probes/registry.hpp"

namespace limen::probes {
namespace {

using kernels::Format;
struct Size {
  std::size_t rows, cols;
};

std::vector<Case> cases(Bench& bench) {
  const std::vector<Size> sizes =
      bench.quick() ? std::vector<Size>{{1024, 1024}, {4096, 4096}, {14336, 4096}}
                    : std::vector<Size>{{1024, 1024},  {2048, 2048},  {4096, 4096}, {14336, 4096},
                                        {4096, 14336}, {28672, 8192}, {8192, 28672}};
  std::vector<Case> all;
  for (const int threads : one_and_all(bench)) {
    for (const auto format : kernels::all_formats) {
      for (const auto& [rows, cols] : sizes) {
        if (format == Format::fp64 && rows * cols > 4096 * 4096) continue;  // no model has these
        all.push_back(product_case(bench, {format, rows, cols}, 1, threads, Residence::cold));
      }
      all.push_back(product_case(bench, kernels::Shape(cached_shape(format, threads)), 1, threads,
                                 Residence::cached));
    }
  }
  return all;
}

}  // namespace

const Probe gemv{"gemv", "How fast is a matrix times a vector, for each format of weights?", cases};

}  // namespace limen::probes
